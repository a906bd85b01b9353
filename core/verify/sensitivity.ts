// How much a model makes of rounding errors. Narrow models with large weights, untrained ones above all, multiply them from layer to layer.

import type { Executor, Ops, Tensor } from "../executor/executor.js";
import { scoped } from "../executor/scope.js";
import { lockstep } from "../forward/run.js";
import { changedExecutor, scaled } from "./changed-executor.js";
import type { PredictionRequest, PredictionSide } from "./prediction-request.js";

/** What of bfloat16's rounding errors is put into the products: 16 unit roundoffs of float32, small enough to grow as float32's do. */
const SHARE = 2 ** -12;
const FINER = 2 ** -4;
/** Numbers are rounded after they were taken times these, so that each run errs in its own way: one alone may leave alone what moves most. */
const SCALES = [1, 1.2, 1.4, 1.7];

/**
 * Disturb a model's products by errors of float32's order and see how far its own hidden states move. Whole errors of bfloat16
 * would not do: an attention that chooses one token or another moves no further for a larger error, and float32's would seem
 * smaller than they are.
 *
 * @returns max |Δ| to expect of float32 arithmetic alone, by stage
 */
export async function sensitivity({ forward, source }: PredictionSide, request: PredictionRequest): Promise<Map<string, number>> {
  const { executor, tokens, options, signal } = request;
  const run = (on: Executor) => forward(on, source, tokens.subarray(0, -1), { ...options, numerics: "exact" });
  const moved = new Map<string, number>();
  for await (const { name, tensors } of lockstep([run(executor), ...SCALES.map((scale) => run(disturbed(executor, scale)))], signal)) {
    const [fine, ...rough] = tensors as [Tensor, ...Tensor[]];
    const apart: number[] = [];
    for (const other of rough) apart.push((await executor.difference(fine, other)).maxAbs);
    moved.set(name, Math.max(...apart) * FINER);
    if (name === "logits") executor.release(...tensors);
  }
  return moved;
}

/** The executor with an error in every product; the tensors are its own. */
const disturbed = (executor: Executor, scale: number): Executor =>
  changedExecutor(executor, (own) => ({
    linear: (...args) => scoped(own, async (ops) => disturb(ops, await ops.linear(...args), scale)),
  }));

/** x + share · (x · scale rounded − x · scale) / scale */
async function disturb(ops: Ops, x: Tensor, scale: number): Promise<Tensor> {
  const width = x.shape[1];
  const even = width % 2 === 0 ? x : await ops.joinColumns([x, x]);
  const error = await ops.add(await scaled(ops, even, scale, "bf16"), await scaled(ops, even, -scale, "none"), "none");
  const sum = await ops.add(even, await scaled(ops, error, SHARE / scale, "none"), "none");
  return even === x ? sum : ops.columns(sum, 0, width);
}
