// Weights as they are stored, and how a kernel reads them. Bytes arrive as they lie in the file; nothing is expanded in memory.

import type { DType } from "../../../tensor/dtype.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS } from "./numerics.js";

/** WGSL: element `index` of the buffer `weight`, an array of u32, as float32. */
export const loadStored = (dtype: DType): string =>
  dtype === "F32"
    ? "fn stored(index: u32) -> f32 { return bitcast<f32>(weight[index]); }"
    : `fn stored(index: u32) -> f32 { return ${expander(dtype)}((weight[index / 2u] >> ((index % 2u) * 16u)) & 0xffffu); }`;

/** The function of NUMERICS that makes a float32 of 16 stored bits. */
export const expander = (dtype: DType): string => (dtype === "F16" ? "from_f16" : "from_bf16");

/** Gathered rows, each at a whole word, to float32 rows; F32 as bits, so that a NaN stays what it is. */
export const expandRowsKernel = (dtype: DType): Kernel => ({
  name: `expand rows ${dtype}`,
  params: { count: "u32", width: "u32", strideElements: "u32" },
  bindings: [
    { name: "weight", type: "u32" },
    { name: "out", type: "u32", access: "read_write" },
  ],
  code: `${NUMERICS}${loadStored(dtype)}${perElement(`
  let source = (i / p.width) * p.strideElements + i % p.width;
  out[i] = ${dtype === "F32" ? "weight[source]" : "bits_of(stored(source))"};`)}`,
});
