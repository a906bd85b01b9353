// Stored floats to float32, without loss: every BF16, F16 and F32 value is a float32 value. Narrowing is cast.ts's.

import { UnsupportedError } from "../errors.js";
import type { DType } from "./dtype.js";

/** The dtypes whose values all are float32 values. */
export const isExpandable = (dtype: DType): boolean => dtype === "BF16" || dtype === "F16" || dtype === "F32";

/**
 * @param bytes - whole elements, little-endian, at any alignment
 * @param into - at least as many elements long; filled from its start
 * @throws {UnsupportedError} dtypes other than F32, BF16 and F16
 */
export function expand(bytes: Uint8Array, dtype: DType, into: Float32Array): void {
  if (!isExpandable(dtype)) throw new UnsupportedError(`cannot cast from ${dtype}`, false);
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  if (dtype === "F32") {
    into.set(new Float32Array(aligned.buffer, aligned.byteOffset, bytes.byteLength / 4));
    return;
  }
  const stored = new Uint16Array(aligned.buffer, aligned.byteOffset, bytes.byteLength / 2);
  if (dtype === "BF16") expandBf16(stored, into);
  else expandF16(stored, into);
}

function expandBf16(stored: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, stored.length);
  for (let i = 0; i < stored.length; i++) bits[i] = (stored[i] as number) << 16;
}

/** Shifted into place, an F16's exponent is 112 too small; the product puts it right, for subnormals too. */
const F16_EXPONENT_SHIFT = 2 ** 112;

function expandF16(stored: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, stored.length);
  for (let i = 0; i < stored.length; i++) {
    const half = stored[i] as number;
    const [sign, rest] = [(half & 0x8000) << 16, (half & 0x7fff) << 13];
    bits[i] = sign | rest;
    if (rest >= 0x7c00 << 13) bits[i] = sign | 0x7f800000 | rest;
    else into[i] = (into[i] as number) * F16_EXPONENT_SHIFT;
  }
}
