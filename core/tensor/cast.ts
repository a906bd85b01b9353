// The only step that changes values: elements from one floating dtype to another, rounded to the nearest, ties to even.

import { UnsupportedError } from "../errors.js";
import { type DType, itemSize } from "./dtype.js";
import { expand } from "./expand.js";

/** What can be cast, and cast to. */
export const CASTABLE: readonly string[] = ["F32", "BF16", "F16"];

export const isCastable = (dtype: string): boolean => CASTABLE.includes(dtype);

/**
 * @param run - whole elements, little-endian
 * @param where - what holds the elements, for the error
 * @throws {UnsupportedError} a finite value that the target dtype cannot hold, or dtypes other than F32, BF16 and F16
 */
export function castRun(run: Uint8Array, from: DType, to: DType, where = ""): Uint8Array {
  const values = widen(run, from);
  if (to === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (to !== "BF16" && to !== "F16") throw new UnsupportedError(`cannot cast ${from} to ${to}`, false);
  const encode = to === "BF16" ? toBf16 : toF16;
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const bits = encode(value);
    if (Number.isFinite(value) && isInfinite(bits, to))
      throw new UnsupportedError(`${where === "" ? "" : `${where}: `}${value} does not fit ${to}`, false, {
        hint: "keep the dtype or choose a wider one",
      });
    out[i] = bits;
  }
  return new Uint8Array(out.buffer);
}

function widen(run: Uint8Array, from: DType): Float32Array {
  const values = new Float32Array(run.byteLength / itemSize(from));
  expand(run, from, values);
  return values;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function toBf16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch[0] = value;
  const bits = scratchBits[0] as number;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function toF16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const unit = 2 ** (exponent - 10);
  const units = roundToEven(size / unit);
  const bits = exponent === -14 ? units : ((exponent + 14) << 10) + units;
  return sign | Math.min(bits, 0x7c00);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

const isInfinite = (bits: number, dtype: DType): boolean => (bits & 0x7fff) === (dtype === "BF16" ? 0x7f80 : 0x7c00);
