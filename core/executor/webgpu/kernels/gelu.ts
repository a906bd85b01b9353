// GELU in its tanh form. 0.5 (1 + tanh(u)) is 1 / (1 + exp(-2u)), which loses no digits where it is small; WGSL's tanh does.

import type { Rounding } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";

export const geluTanhKernel = (round: Rounding): Kernel => ({
  name: `geluTanh ${round}`,
  params: { count: "u32" },
  bindings: [
    { name: "x", type: "f32" },
    { name: "out", type: "f32", access: "read_write" },
  ],
  code:
    NUMERICS +
    perElement(`
  let value = x[i];
  let twice = 1.5957691216 * (value + 0.044715 * (value * value * value)); // 2 √(2/π)
  out[i] = ${rounder(round)}(value / (1.0 + exp_of(-twice)));`),
});
