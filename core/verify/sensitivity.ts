// How much a model makes of rounding errors. Narrow models with large weights, untrained ones above all, multiply them from layer to layer.

import type { Executor, LinearOptions, Tensor, Weight } from "../executor/executor.js";
import { lockstep } from "../forward/run.js";
import type { PredictionRequest, PredictionSide } from "./predictions.js";

/** Unit roundoffs of float32 over bfloat16. */
const FINER = 2 ** -16;

/**
 * Round a model's products to bfloat16 and see how far its own hidden states move; what float32's errors do is as much smaller as
 * they are. An error that has grown to the size of the states stays there, so that this never is more than some 2^-16 of them.
 *
 * @returns max |Δ| to expect of float32 arithmetic alone, by stage
 */
export async function sensitivity({ forward, source }: PredictionSide, request: PredictionRequest): Promise<Map<string, number>> {
  const { executor, tokens, options, signal } = request;
  const run = (on: Executor) => forward(on, source, tokens.subarray(0, -1), { ...options, numerics: "exact" });
  const moved = new Map<string, number>();
  for await (const { name, tensors } of lockstep([run(executor), run(coarse(executor))], signal)) {
    const [fine, rough] = tensors as [Tensor, Tensor];
    moved.set(name, (await executor.difference(fine, rough)).maxAbs * FINER);
    if (name === "logits") executor.release(fine, rough);
  }
  return moved;
}

/** The executor with every product rounded; the tensors are its own. */
const coarse = (executor: Executor): Executor =>
  new Proxy(executor, {
    get: (target, key: keyof Executor) => {
      const linear = (x: Tensor, weight: Weight, options: LinearOptions) => target.linear(x, weight, { ...options, round: "bf16" });
      const member = key === "linear" ? linear : target[key];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
