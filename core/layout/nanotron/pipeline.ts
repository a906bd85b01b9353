// Which pipeline rank each block goes to: Nanotron's own rule, in its own float64 arithmetic.

import { UnsupportedError } from "../../errors.js";

/** What a model's pipeline is made of. */
export interface Pipeline {
  /** Of the blocks with parameters, in order. */
  readonly costs: readonly number[];
  /** Blocks that come after them, cost nothing and hold no parameters: each may still take a rank. */
  readonly parameterless: number;
}

/**
 * The pipeline rank of each block with parameters. A source may have ranks without a block; nothing is written for such.
 *
 * @see nanotron src/nanotron/models/base.py at 2411b022, build_model
 */
export const pipelineRanks = (pipeline: Pipeline, pp: number): number[] => place(pipeline, pp).slice(0, pipeline.costs.length);

/** Whether each of `pp` pipeline ranks has a block. */
export const fillsPipeline = (pipeline: Pipeline, pp: number): boolean => filledRanks(pipeline, pp) === pp;

/** @throws {UnsupportedError} some rank would have no block */
export function checkPipeline(pipeline: Pipeline, pp: number): void {
  const filled = filledRanks(pipeline, pp);
  if (filled === pp) return;
  throw new UnsupportedError(`pp ${pp}: Nanotron's placement leaves pipeline rank ${pp - 1} without a block`, false, {
    hint: `this model's blocks fill ${filled} of ${pp} ranks; use --pp ${largestFilled(pipeline, pp)} or less`,
  });
}

const filledRanks = (pipeline: Pipeline, pp: number): number => (place(pipeline, pp).at(-1) ?? 0) + 1;

function largestFilled(pipeline: Pipeline, below: number): number {
  let pp = Math.min(below - 1, pipeline.costs.length + pipeline.parameterless);
  while (pp > 1 && !fillsPipeline(pipeline, pp)) pp--;
  return pp;
}

/** The rank of every block: the one after a block that goes beyond its rank's share of the cost is the next rank's. */
function place({ costs, parameterless }: Pipeline, pp: number): number[] {
  const all = [...costs, ...new Array<number>(parameterless).fill(0)];
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  let rank = 0;
  let running = 0;
  return all.map((cost) => {
    const mine = rank;
    running += cost;
    // Divide first, then multiply, as Nanotron does: exact arithmetic would place a block elsewhere in rare cases.
    if (running > total * ((rank + 1) / pp)) rank++;
    return mine;
  });
}
