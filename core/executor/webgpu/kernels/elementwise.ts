// Kernels of one thread per element. Letters as in executor.ts.

import type { RotateOptions, Rounding, SiluMulOptions } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";

export const addKernel = (round: Rounding): Kernel => ({
  name: `add ${round}`,
  params: { count: "u32" },
  bindings: [
    { name: "a", type: "f32" },
    { name: "b", type: "f32" },
    { name: "out", type: "f32", access: "read_write" },
  ],
  code: NUMERICS + perElement(`  out[i] = ${rounder(round)}(a[i] + b[i]);`),
});

export const siluMulKernel = ({ roundSilu, round }: SiluMulOptions): Kernel => ({
  name: `siluMul ${roundSilu} ${round}`,
  params: { count: "u32" },
  bindings: [
    { name: "gate", type: "f32" },
    { name: "up", type: "f32" },
    { name: "out", type: "f32", access: "read_write" },
  ],
  code:
    NUMERICS +
    perElement(`
  let x = gate[i];
  out[i] = ${rounder(round)}(${rounder(roundSilu)}(x / (1.0 + exp_of(-x))) * up[i]);`),
});

/** `width` columns of each row, from one column on to another; bits, not floats. */
export const COPY_COLUMNS: Kernel = {
  name: "copy columns",
  params: { count: "u32", width: "u32", sourceStride: "u32", sourceColumn: "u32", targetStride: "u32", targetColumn: "u32" },
  bindings: [
    { name: "x", type: "u32" },
    { name: "out", type: "u32", access: "read_write" },
  ],
  code: perElement(`
  let row = i / p.width;
  let column = i % p.width;
  out[row * p.targetStride + p.targetColumn + column] = x[row * p.sourceStride + p.sourceColumn + column];`),
};

/** One thread per pair; `tables` holds cos then sin, each [T, D/2]: WGSL's own are too coarse. */
export const rotateKernel = ({ interleaved, roundProducts, round }: RotateOptions): Kernel => ({
  name: `rotate ${interleaved} ${roundProducts} ${round}`,
  params: { count: "u32", width: "u32", headDim: "u32", sines: "u32" },
  bindings: [
    { name: "x", type: "f32" },
    { name: "tables", type: "f32" },
    { name: "out", type: "f32", access: "read_write" },
  ],
  code:
    NUMERICS +
    perElement(`
  let half = p.headDim / 2u;
  let pairs = p.width / 2u;
  let row = i / pairs;
  let head = (i % pairs) / half;
  let pair = i % half;
  let first = row * p.width + head * p.headDim + pair * ${interleaved ? 2 : 1}u;
  let second = first + ${interleaved ? "1u" : "half"};
  let cosine = tables[row * half + pair];
  let sine = tables[p.sines + row * half + pair];
  let a = x[first];
  let b = x[second];
  out[first] = ${rounder(round)}(${rounder(roundProducts)}(a * cosine) - ${rounder(roundProducts)}(b * sine));
  out[second] = ${rounder(round)}(${rounder(roundProducts)}(b * cosine) + ${rounder(roundProducts)}(a * sine));`),
});
