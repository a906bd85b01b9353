// Qwen2ForTraining with experts as Nanotron computes it. README.md has the source of each fact.
// Shape letters: T tokens · H hidden · E experts · F an expert's feed-forward · k experts of a token.

import { CheckpointError } from "../../core/errors.js";
import type { Executor, Ops, Rounding, Tensor, Weight } from "../../core/executor/executor.js";
import { scoped } from "../../core/executor/scope.js";
import { configReader } from "../../core/forward/config.js";
import type { Forward, ForwardSource } from "../../core/forward/forward.js";
import { gated, rankedFeedForward, runNanotronDecoder } from "../llama/nanotron-forward.js";
import { readNanotronQwen2, refusal } from "../qwen2/forwards.js";
import { type Expert, mixExperts, valuesOf } from "./experts.js";
import { type Routing, route, sigmoid } from "./routing.js";

export const nanotronQwen2Moe: Forward = (executor, source, tokens, options) => {
  const model = readNanotronQwen2(source, options);
  const moe = readMoe(source, model.layers, model.round);
  const feedForward = (on: Executor, layer: number, x: Tensor) => sparse(on, source, `model.decoder.${layer}.pp_block.mlp`, x, moe);
  return runNanotronDecoder(executor, { ...model, feedForward }, tokens);
};

interface Moe {
  readonly experts: number; // E
  readonly perToken: number; // k
  readonly hasShared: boolean;
  readonly round: Rounding;
}

/** Defaults are MoEConfig's. */
function readMoe(source: ForwardSource, numLayers: number, round: Rounding): Moe {
  const config = configReader(source).object("moe_config");
  if (config === undefined) throw new CheckpointError(`${source.configPath}: moe_config is missing`);
  const moe = configReader({ ...source, config, configPath: `${source.configPath}: moe_config` });
  const layers = config.layers ?? [-1];
  const all = Array.from({ length: numLayers }, (_, layer) => layer);
  if (![[-1], all].some((list) => JSON.stringify(list) === JSON.stringify(layers)))
    throw refusal(source, "moe_config.layers", "this forward has experts in every layer");
  return {
    experts: moe.integer("num_experts", 8),
    perToken: moe.integer("top_k", 2),
    hasShared: moe.flag("enable_shared_expert", false),
    round,
  };
}

/** @param at - the layer's `mlp` @returns [T, H], the caller's to release */
async function sparse(executor: Executor, source: ForwardSource, at: string, x: Tensor, moe: Moe): Promise<Tensor> {
  const { experts: count, perToken, hasShared, round } = moe;
  const gateUp = source.whole(`${at}.experts.merged_gate_up_proj`); // [E, H, 2F]
  const down = source.whole(`${at}.experts.merged_down_proj`); // [E, F, H]
  const experts = Array.from(
    { length: count },
    (_, number): Expert =>
      async (ops, rows) => {
        const active = await gated(ops, await ops.linearTransposed(rows, member(gateUp, number), round), round);
        return ops.linearTransposed(active, member(down, number), round);
      },
  );
  // The router and what goes into it are float32, whatever the model's dtype.
  const logits = await scoped(executor, (ops) => ops.linear(x, source.whole(`${at}.router.weight`), { round: "none" })); // [T, E]
  const routing = route(await valuesOf(executor, logits), { experts: count, perToken, normalize: false, round });
  const mixed = await mixExperts(executor, x, weighed(routing), experts, { roundProducts: round, roundSums: round, round });
  if (!hasShared) return mixed;
  const gate = await scoped(executor, (ops) => ops.linear(x, source.whole(`${at}.shared_expert_gate.weight`), { round })); // [T, 1]
  const shares = sigmoid(await valuesOf(executor, gate), round);
  const withShared = async (ops: Ops) => {
    const shared = await rankedFeedForward(ops, source, `${at}.shared_expert`, x, round);
    return ops.add(mixed, await ops.scaleRows(shared, shares, round), round);
  };
  return scoped(executor, withShared, mixed);
}

/** With one expert a token grouped_gemm's `unpermute` takes no weight. */
const weighed = (routing: Routing): Routing => (routing.perToken === 1 ? { ...routing, weights: routing.weights.map(() => 1) } : routing);

/** One matrix of a stack. */
function member(stack: Weight, number: number): Weight {
  const [, ...shape] = stack.shape;
  const byteLength = stack.byteLength / (stack.shape[0] ?? 1);
  return { ...stack, shape, byteOffset: stack.byteOffset + number * byteLength, byteLength };
}
