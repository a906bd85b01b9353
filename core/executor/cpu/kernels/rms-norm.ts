// RMSNorm of rows [start, stop): each row over the root of its mean square, times the weight.

import type { RmsNormOptions } from "../../executor.js";
import { rounder } from "./rounding.js";

export function rmsNorm(
  x: Float32Array,
  weight: Float32Array,
  out: Float32Array,
  { epsilon, roundNormalized, round }: RmsNormOptions,
  start: number,
  stop: number,
): void {
  const width = weight.length;
  const [normalized, rounded] = [rounder(roundNormalized), rounder(round)];
  for (let row = start; row < stop; row++) {
    const at = row * width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[at + i] as number) ** 2;
    const inverse = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) out[at + i] = rounded(normalized((x[at + i] as number) * inverse) * (weight[i] as number));
  }
}
