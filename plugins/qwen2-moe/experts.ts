// Tokens to their experts and back, as both frameworks do it: the rows of each expert together, then each token's results summed.
// Letters: T tokens · k experts of a token · H hidden.

import type { Executor, Ops, Rounding, Tensor } from "../../core/executor/executor.js";
import { scoped } from "../../core/executor/scope.js";
import type { Routing } from "./routing.js";

/** What an expert gives for some rows of x. @returns [rows, H], the ops' to release */
export type Expert = (ops: Ops, rows: Tensor) => Promise<Tensor>;

export interface MixOptions {
  /** Of each result times its weight. */
  readonly roundProducts: Rounding;
  /** Of the sum so far. */
  readonly roundSums: Rounding;
  /** Of the whole sum. */
  readonly round: Rounding;
}

/** Σ weight · expert(x) over each token's experts, the most probable first. @returns [T, H], the caller's to release */
export async function mixExperts(
  executor: Executor,
  x: Tensor,
  routing: Routing,
  experts: readonly Expert[],
  options: MixOptions,
): Promise<Tensor> {
  const { perToken } = routing;
  const [tokens] = x.shape;
  const results: Tensor[] = [];
  const places = new Uint32Array(tokens * perToken); // of each token's results among all, one experts' choice after another
  try {
    let place = 0;
    for (const [number, expert] of experts.entries()) {
      const choices = choicesOf(routing, number);
      if (choices.length === 0) continue;
      const rows = Uint32Array.from(choices, (choice) => Math.floor(choice / perToken));
      results.push(await scoped(executor, async (ops) => expert(ops, await ops.takeRows(x, rows))));
      for (const choice of choices) places[(choice % perToken) * tokens + Math.floor(choice / perToken)] = place++;
    }
    return await scoped(executor, async (ops) => sum(ops, await ops.joinRows(results), places, routing, options));
  } finally {
    executor.release(...results);
  }
}

/** Which of the [T, k] choices are this expert. */
const choicesOf = ({ experts }: Routing, expert: number): number[] =>
  Array.from(experts.keys()).filter((choice) => experts[choice] === expert);

async function sum(ops: Ops, results: Tensor, places: Uint32Array, routing: Routing, options: MixOptions): Promise<Tensor> {
  const { perToken, weights } = routing;
  const tokens = places.length / perToken;
  const weighted = async (choice: number, round: Rounding): Promise<Tensor> => {
    const own = await ops.takeRows(results, places.subarray(choice * tokens, (choice + 1) * tokens));
    const factors = Float32Array.from({ length: tokens }, (_, token) => weights[token * perToken + choice] as number);
    return ops.scaleRows(own, factors, round);
  };
  let total = await weighted(0, options.roundProducts);
  for (let choice = 1; choice < perToken; choice++) {
    const round = choice === perToken - 1 ? options.round : options.roundSums;
    total = await ops.add(total, await weighted(choice, options.roundProducts), round);
  }
  return total; // [T, H]
}

/** All of a small tensor, which is then released. */
export async function valuesOf(executor: Executor, x: Tensor): Promise<Float32Array> {
  try {
    return await executor.read(x, 0, x.shape[0]);
  } finally {
    executor.release(x);
  }
}
