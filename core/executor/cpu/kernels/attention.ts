// Causal grouped-query attention for heads [start, stop): one query row at a time, so that its scores are one row, never a square.

import type { AttentionOptions, Rounding } from "../../executor.js";
import { rounder } from "./rounding.js";

/** Some heads' part of a tensor: D elements from `offset` on in each row of `stride`. */
interface HeadRows {
  readonly values: Float32Array;
  readonly stride: number;
  readonly offset: number;
}

export interface AttentionTensors {
  readonly q: Float32Array; // [T, A·D]
  readonly k: Float32Array; // [T, K·D]
  readonly v: Float32Array; // [T, K·D]
  readonly out: Float32Array; // [T, A·D]
}

export function attention({ q, k, v, out }: AttentionTensors, options: AttentionOptions, start: number, stop: number): void {
  const { heads, kvHeads, headDim, scale, window = Number.POSITIVE_INFINITY, kind, round } = options;
  const [width, stride] = [heads * headDim, kvHeads * headDim];
  const rows = q.length / width;
  const scores = new Float32Array(rows);
  const mixed = new Float64Array(headDim);
  const rounded = rounder(round);
  const softmax = kind === "eager" ? eagerWeights : fusedWeights;
  for (let head = start; head < stop; head++) {
    const offset = Math.floor(head / (heads / kvHeads)) * headDim;
    for (let row = 0; row < rows; row++) {
      const at = row * width + head * headDim;
      const seen = Math.min(row + 1, window);
      const keys = { stride, offset: offset + (row + 1 - seen) * stride };
      score(q.subarray(at, at + headDim), { values: k, ...keys }, seen, scores);
      const divisor = softmax(scores, seen, scale, round);
      mix(scores, { values: v, ...keys }, seen, mixed);
      for (let i = 0; i < headDim; i++) out[at + i] = rounded((mixed[i] as number) / divisor);
    }
  }
}

/** The products of one query with `seen` keys, four keys at a time. */
function score(query: Float32Array, { values, stride, offset }: HeadRows, seen: number, scores: Float32Array): void {
  const tiled = seen - (seen % 4);
  for (let row = 0; row < tiled; row += 4) {
    const k0 = row * stride + offset;
    const [k1, k2, k3] = [k0 + stride, k0 + 2 * stride, k0 + 3 * stride];
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0; i < query.length; i++) {
      const a = query[i] as number;
      s0 += a * (values[k0 + i] as number);
      s1 += a * (values[k1 + i] as number);
      s2 += a * (values[k2 + i] as number);
      s3 += a * (values[k3 + i] as number);
    }
    scores[row] = s0;
    scores[row + 1] = s1;
    scores[row + 2] = s2;
    scores[row + 3] = s3;
  }
  for (let row = tiled; row < seen; row++) {
    let sum = 0;
    for (let i = 0; i < query.length; i++) sum += (query[i] as number) * (values[row * stride + offset + i] as number);
    scores[row] = sum;
  }
}

/** Scores to rounded, unnormalised probabilities. @returns their sum before rounding, to divide the mixed values by */
function fusedWeights(scores: Float32Array, seen: number, scale: number, round: Rounding): number {
  const rounded = rounder(round);
  const max = scaleScores(scores, seen, scale, "none");
  let sum = 0;
  for (let i = 0; i < seen; i++) {
    const weight = Math.exp((scores[i] as number) - max);
    sum += weight;
    scores[i] = rounded(weight);
  }
  return sum;
}

/** Scores to probabilities, rounded at each step. @returns 1: nothing is left to divide by */
function eagerWeights(scores: Float32Array, seen: number, scale: number, round: Rounding): number {
  const rounded = rounder(round);
  const max = scaleScores(scores, seen, scale, round);
  let sum = 0;
  for (let i = 0; i < seen; i++) sum += Math.exp((scores[i] as number) - max);
  for (let i = 0; i < seen; i++) scores[i] = rounded(Math.exp((scores[i] as number) - max) / sum);
  return 1;
}

/** Scale in place. @returns the largest */
function scaleScores(scores: Float32Array, seen: number, scale: number, round: Rounding): number {
  const rounded = rounder(round);
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < seen; i++) {
    scores[i] = rounded(rounded(scores[i] as number) * scale);
    if ((scores[i] as number) > max) max = scores[i] as number;
  }
  return max;
}

/** `seen` value rows, each times its weight, added up; four rows at a time. */
function mix(weights: Float32Array, { values, stride, offset }: HeadRows, seen: number, mixed: Float64Array): void {
  mixed.fill(0);
  const tiled = seen - (seen % 4);
  for (let row = 0; row < tiled; row += 4) {
    const v0 = row * stride + offset;
    const [v1, v2, v3] = [v0 + stride, v0 + 2 * stride, v0 + 3 * stride];
    const [w0, w1, w2, w3] = [weights[row] as number, weights[row + 1] as number, weights[row + 2] as number, weights[row + 3] as number];
    for (let i = 0; i < mixed.length; i++) {
      const first = w0 * (values[v0 + i] as number) + w1 * (values[v1 + i] as number);
      const second = w2 * (values[v2 + i] as number) + w3 * (values[v3 + i] as number);
      mixed[i] = (mixed[i] as number) + (first + second);
    }
  }
  for (let row = tiled; row < seen; row++) {
    const weight = weights[row] as number;
    for (let i = 0; i < mixed.length; i++) mixed[i] = (mixed[i] as number) + weight * (values[row * stride + offset + i] as number);
  }
}
