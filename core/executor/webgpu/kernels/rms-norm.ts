// RMSNorm, one group of threads per row.

import type { RmsNormOptions } from "../../executor.js";
import { type Kernel, perRow, THREADS } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";
import { SUM } from "./rows.js";

export const rmsNormKernel = ({ roundNormalized, round }: RmsNormOptions): Kernel => ({
  name: `rmsNorm ${roundNormalized} ${round}`,
  params: { rows: "u32", width: "u32", epsilon: "f32" },
  bindings: [
    { name: "x", type: "f32" }, // [T, H]
    { name: "weight", type: "f32" }, // [H]
    { name: "out", type: "f32", access: "read_write" }, // [T, H]
  ],
  code: `${NUMERICS}${SUM}${perRow(`
  let at = row * p.width;
  var squares = 0.0;
  for (var i = local; i < p.width; i += ${THREADS}u) { squares += x[at + i] * x[at + i]; }
  let inverse = inverse_root(sum_all(local, squares) / f32(p.width) + p.epsilon);
  for (var i = local; i < p.width; i += ${THREADS}u) {
    out[at + i] = ${rounder(round)}(${rounder(roundNormalized)}(x[at + i] * inverse) * weight[i]);
  }`)}`,
});
