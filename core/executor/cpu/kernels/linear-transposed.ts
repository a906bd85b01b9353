// x · W. The weight's rows come in blocks, each a stretch of the terms of every sum; sums are float64, rounded to float32 once.

import type { DType } from "../../../tensor/dtype.js";
import { itemSize } from "../../../tensor/dtype.js";
import { expand } from "../../../tensor/expand.js";

/** Letters as in executor.ts. */
export interface TransposedProduct {
  readonly x: Float32Array; // [T, H]
  readonly sums: Float64Array; // [T, O], so far
  /** Rows [firstRow, firstRow + weightRows) of the weight [H, O] as they are stored. */
  readonly bytes: Uint8Array;
  readonly dtype: DType;
  readonly firstRow: number;
  readonly weightRows: number;
  readonly width: number; // H
  readonly outWidth: number; // O
}

/** Add the block's terms to columns [start, stop) of the sums. */
export function accumulate(product: TransposedProduct, start: number, stop: number): void {
  const { x, sums, bytes, dtype, firstRow, weightRows, width, outWidth } = product;
  const item = itemSize(dtype);
  const tokens = x.length / width;
  const row = new Float32Array(stop - start);
  for (let at = 0; at < weightRows; at++) {
    expand(bytes.subarray((at * outWidth + start) * item, (at * outWidth + stop) * item), dtype, row);
    for (let token = 0; token < tokens; token++) {
      const value = x[token * width + firstRow + at] as number;
      const first = token * outWidth + start;
      for (let i = 0; i < row.length; i++) sums[first + i] = (sums[first + i] as number) + value * (row[i] as number);
    }
  }
}
