// x · W, one thread per result: neighbours read neighbouring columns of W. A part of W is a stretch of the terms of every sum, so that
// sums wait in `out` between parts.

import type { DType } from "../../../tensor/dtype.js";
import type { Rounding } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";
import { loadStored } from "./stored.js";

/** `isFirst` and `isLast` are of the part: 0 or 1. */
export const linearTransposedKernel = (dtype: DType, round: Rounding): Kernel => ({
  name: `linear transposed ${dtype} ${round}`,
  params: { count: "u32", width: "u32", outWidth: "u32", firstRow: "u32", weightRows: "u32", isFirst: "u32", isLast: "u32" },
  bindings: [
    { name: "x", type: "f32" }, // [T, H]
    { name: "weight", type: "u32" }, // [weightRows, O]
    { name: "out", type: "f32", access: "read_write" }, // [T, O]
  ],
  code: `${NUMERICS}${loadStored(dtype)}${perElement(`
  let row = i / p.outWidth;
  let column = i % p.outWidth;
  let at = row * p.width + p.firstRow;
  var sum = 0.0;
  if (p.isFirst == 0u) { sum = out[i]; }
  for (var k = 0u; k < p.weightRows; k++) { sum = fma(x[at + k], stored(k * p.outWidth + column), sum); }
  if (p.isLast != 0u) { sum = ${rounder(round)}(sum); }
  out[i] = sum;`)}`,
});
