// Ops on elements [start, stop) of two tensors of one shape.

import type { Rounding, SiluMulOptions } from "../../executor.js";
import { rounder } from "./rounding.js";

export function siluMul(
  gate: Float32Array,
  up: Float32Array,
  out: Float32Array,
  { roundSilu, round }: SiluMulOptions,
  start: number,
  stop: number,
): void {
  const [silu, rounded] = [rounder(roundSilu), rounder(round)];
  for (let i = start; i < stop; i++) {
    const value = gate[i] as number;
    out[i] = rounded(silu(value / (1 + Math.exp(-value))) * (up[i] as number));
  }
}

export function add(a: Float32Array, b: Float32Array, out: Float32Array, round: Rounding, start: number, stop: number): void {
  const rounded = rounder(round);
  for (let i = start; i < stop; i++) out[i] = rounded((a[i] as number) + (b[i] as number));
}
