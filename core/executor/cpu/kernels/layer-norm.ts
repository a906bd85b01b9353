// LayerNorm of rows [start, stop): each row less its mean, over its deviation, times the weight, plus the bias.

import type { LayerNormOptions } from "../../executor.js";
import { rounder } from "./rounding.js";

export interface LayerNormTensors {
  readonly x: Float32Array; // [T, H]
  readonly weight: Float32Array; // [H]
  readonly bias: Float32Array; // [H]
  readonly out: Float32Array; // [T, H]
}

export function layerNorm(
  { x, weight, bias, out }: LayerNormTensors,
  { epsilon, round }: LayerNormOptions,
  start: number,
  stop: number,
): void {
  const width = weight.length;
  const rounded = rounder(round);
  for (let row = start; row < stop; row++) {
    const at = row * width;
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[at + i] as number;
    const mean = sum / width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += ((x[at + i] as number) - mean) ** 2;
    const inverse = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) {
      out[at + i] = rounded(((x[at + i] as number) - mean) * inverse * (weight[i] as number) + (bias[i] as number));
    }
  }
}
