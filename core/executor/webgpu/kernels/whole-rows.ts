// Kernels that move and scale whole rows, one thread per element.

import type { Rounding } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";

/** Bits, not floats. */
export const TAKE_ROWS: Kernel = {
  name: "take rows",
  params: { count: "u32", width: "u32" },
  bindings: [
    { name: "x", type: "u32" }, // [T, H]
    { name: "rows", type: "u32" },
    { name: "out", type: "u32", access: "read_write" }, // [rows, H]
  ],
  code: perElement("  out[i] = x[rows[i / p.width] * p.width + i % p.width];"),
};

/** All of x from element `first` of `out` on; bits, not floats. */
export const PUT_ROWS: Kernel = {
  name: "put rows",
  params: { count: "u32", first: "u32" },
  bindings: [
    { name: "x", type: "u32" },
    { name: "out", type: "u32", access: "read_write" },
  ],
  code: perElement("  out[p.first + i] = x[i];"),
};

export const scaleRowsKernel = (round: Rounding): Kernel => ({
  name: `scale rows ${round}`,
  params: { count: "u32", width: "u32" },
  bindings: [
    { name: "x", type: "f32" }, // [T, H]
    { name: "factors", type: "f32" }, // [T]
    { name: "out", type: "f32", access: "read_write" }, // [T, H]
  ],
  code: NUMERICS + perElement(`  out[i] = ${rounder(round)}(x[i] * factors[i / p.width]);`),
});
