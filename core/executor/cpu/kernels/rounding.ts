// Rounding to bfloat16, to nearest, ties to even. To float32 the arrays round by themselves.

import type { Rounding } from "../../executor.js";

const scratch = new Float32Array(1);
const bits = new Uint32Array(scratch.buffer);

/** The bfloat16 nearest to the float32 nearest to `value`; NaN stays NaN, and what is beyond the largest bfloat16 is infinite. */
export function bf16(value: number): number {
  scratch[0] = value;
  const found = bits[0] as number;
  if ((found & 0x7fffffff) > 0x7f800000) return Number.NaN;
  bits[0] = (found + 0x7fff + ((found >>> 16) & 1)) & 0xffff0000;
  return scratch[0] as number;
}

const keep = (value: number): number => value;

/** How an intermediate value is rounded: with "none" it keeps what precision it has. */
export const rounder = (round: Rounding): ((value: number) => number) => (round === "bf16" ? bf16 : keep);
