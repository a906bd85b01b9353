// LayerNorm, one group of threads per row.

import type { LayerNormOptions } from "../../executor.js";
import { type Kernel, perRow, THREADS } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";
import { SUM } from "./rows.js";

export const layerNormKernel = ({ round }: LayerNormOptions): Kernel => ({
  name: `layerNorm ${round}`,
  params: { rows: "u32", width: "u32", epsilon: "f32" },
  bindings: [
    { name: "x", type: "f32" }, // [T, H]
    { name: "weight", type: "f32" }, // [H]
    { name: "bias", type: "f32" }, // [H]
    { name: "out", type: "f32", access: "read_write" }, // [T, H]
  ],
  code: `${NUMERICS}${SUM}${perRow(`
  let at = row * p.width;
  var sum = 0.0;
  for (var i = local; i < p.width; i += ${THREADS}u) { sum += x[at + i]; }
  let mean = sum_all(local, sum) / f32(p.width);
  var squares = 0.0;
  for (var i = local; i < p.width; i += ${THREADS}u) { let d = x[at + i] - mean; squares += d * d; }
  let inverse = inverse_root(sum_all(local, squares) / f32(p.width) + p.epsilon);
  for (var i = local; i < p.width; i += ${THREADS}u) {
    out[at + i] = ${rounder(round)}((x[at + i] - mean) * inverse * weight[i] + bias[i]);
  }`)}`,
});
