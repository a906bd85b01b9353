// What one group of threads finds out about a row together.

import { THREADS } from "./kernel.js";

/**
 * Functions that combine one value of each thread, e.g. `sum_all(local, x)`; every thread gets the result.
 *
 * @param combine - WGSL of `a` and `b`
 */
export const together = (name: string, type: string, combine: string): string => `
var<workgroup> ${name}_parts: array<${type}, ${THREADS}>;
fn ${name}(local: u32, mine: ${type}) -> ${type} {
  ${name}_parts[local] = mine;
  workgroupBarrier();
  for (var step = ${THREADS / 2}u; step > 0u; step /= 2u) {
    if (local < step) {
      let a = ${name}_parts[local];
      let b = ${name}_parts[local + step];
      ${name}_parts[local] = ${combine};
    }
    workgroupBarrier();
  }
  let all = ${name}_parts[0];
  workgroupBarrier();
  return all;
}
`;

export const SUM = together("sum_all", "f32", "a + b");
export const MAX = together("max_all", "u32", "max(a, b)");
