// Ops on whole rows of `width` elements.

import type { Rounding } from "../../executor.js";
import { rounder } from "./rounding.js";

export function takeRows(x: Float32Array, rows: Uint32Array, width: number, out: Float32Array): void {
  rows.forEach((row, at) => out.set(x.subarray(row * width, (row + 1) * width), at * width));
}

export function scaleRows(x: Float32Array, factors: Float32Array, width: number, out: Float32Array, round: Rounding): void {
  const rounded = rounder(round);
  for (let i = 0; i < out.length; i++) out[i] = rounded((x[i] as number) * (factors[Math.floor(i / width)] as number));
}
