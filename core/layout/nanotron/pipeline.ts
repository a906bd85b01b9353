// Which pipeline rank each block goes to: Nanotron's own rule, in its own float64 arithmetic.

import { UnsupportedError } from "../../errors.js";

/** After lm_head come the cast to float32 and the loss, which hold no parameters but may take a rank each. */
const PARAMETERLESS_BLOCKS = 2;

/**
 * @param costs - of the blocks in order
 * @returns the pipeline rank of each block
 * @throws {UnsupportedError} some rank would have no block
 * @see nanotron src/nanotron/models/base.py at 2411b022, build_model
 */
export function pipelineRanks(costs: readonly number[], pp: number): number[] {
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  // Divide first, then multiply, as Nanotron does: exact arithmetic would place a block elsewhere in rare cases.
  const thresholds = Array.from({ length: pp }, (_, rank) => total * ((rank + 1) / pp));
  let rank = 0;
  let running = 0;
  const ranks = costs.map((cost) => {
    const mine = rank;
    running += cost;
    if (rank < pp - 1 && running > (thresholds[rank] ?? 0)) rank++;
    return mine;
  });
  if (rank + PARAMETERLESS_BLOCKS < pp - 1) {
    throw new UnsupportedError(`pp ${pp}: Nanotron's placement leaves pipeline rank ${pp - 1} without a block`, false, {
      hint: `use a smaller --pp; this model's ${costs.length} blocks fill ${rank + 1 + PARAMETERLESS_BLOCKS} ranks at most`,
    });
  }
  return ranks;
}
