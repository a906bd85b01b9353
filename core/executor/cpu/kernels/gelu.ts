// GELU in its tanh form, of elements [start, stop). 0.5 (1 + tanh(u)) is 1 / (1 + exp(-2u)), which loses no digits where it is small.

import type { Rounding } from "../../executor.js";
import { rounder } from "./rounding.js";

const SLOPE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

export function geluTanh(x: Float32Array, out: Float32Array, round: Rounding, start: number, stop: number): void {
  const rounded = rounder(round);
  for (let i = start; i < stop; i++) {
    const value = x[i] as number;
    out[i] = rounded(value / (1 + Math.exp(-2 * SLOPE * (value + CUBIC * value ** 3))));
  }
}
