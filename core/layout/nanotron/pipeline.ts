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
  const { ranks, filled } = place(costs, pp);
  if (filled >= pp) return ranks;
  throw new UnsupportedError(`pp ${pp}: Nanotron's placement leaves pipeline rank ${pp - 1} without a block`, false, {
    hint: `use a smaller --pp; this model's ${costs.length} blocks fill ${filled} ranks at most`,
  });
}

/** Whether each of `pp` pipeline ranks would have a block: without that `pipelineRanks` refuses. */
export const fillsPipeline = (costs: readonly number[], pp: number): boolean => place(costs, pp).filled >= pp;

/** @returns the pipeline rank of each block, and how many ranks would have one, those without parameters included */
function place(costs: readonly number[], pp: number): { ranks: number[]; filled: number } {
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
  return { ranks, filled: rank + 1 + PARAMETERLESS_BLOCKS };
}
