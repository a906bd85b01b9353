// Qwen2MoeForCausalLM as transformers computes it: Qwen2 with a router, experts and a shared expert. README.md has the source of each fact.
// Shape letters: T tokens · H hidden · E experts · k experts of a token.

import type { Executor, Ops, Rounding, Tensor } from "../../core/executor/executor.js";
import { scoped } from "../../core/executor/scope.js";
import { configReader } from "../../core/forward/config.js";
import type { Forward, ForwardSource } from "../../core/forward/forward.js";
import {
  gatedFeedForward,
  type HuggingFaceDecoder,
  readHuggingFaceDecoder,
  runHuggingFaceDecoder,
  windowOf,
} from "../llama/huggingface-forward.js";
import { refusal } from "../qwen2/forwards.js";
import { type Expert, mixExperts, valuesOf } from "./experts.js";
import { route, sigmoid } from "./routing.js";

export const huggingFaceQwen2Moe: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  refuseDenseLayers(source);
  const biases = { qkv: config.flag("qkv_bias", true), output: false, mlp: false };
  // Null means as many as heads; a config without the key has 16.
  const kvHeads = source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 16;
  const defaults = { biases, kvHeads, maxPositions: 32768, window: windows(source) };
  const model = readHuggingFaceDecoder(source, tokens.length, options, defaults);
  const routing = {
    experts: config.integer("num_experts", 60),
    perToken: config.integer("num_experts_per_tok", 4),
    normalize: config.flag("norm_topk_prob", false),
    round: model.round,
  };
  const feedForward = (on: Executor, layer: number, x: Tensor) => sparse(on, source, `model.layers.${layer}.mlp`, x, routing);
  return runHuggingFaceDecoder(executor, { ...model, feedForward }, tokens);
};

function refuseDenseLayers(source: ForwardSource): void {
  const { decoder_sparse_step: step = 1, mlp_only_layers: dense } = source.config;
  const because = "this forward has experts in every layer";
  if (step !== 1) throw refusal(source, "decoder_sparse_step", because);
  if (Array.isArray(dense) && dense.length > 0) throw refusal(source, "mlp_only_layers", because);
}

/** Off unless asked for; then of the layers that `layer_types` names, else of every other one, the first among them, below `max_window_layers`. */
function windows(source: ForwardSource): HuggingFaceDecoder["window"] {
  const config = configReader(source);
  const window = config.flag("use_sliding_window", false) ? windowOf(source, 4096) : undefined;
  const types = source.config.layer_types ?? null;
  if (types !== null && !Array.isArray(types)) throw refusal(source, "layer_types", "expected a list");
  const end = config.number("max_window_layers", 28);
  return (layer) => ((types === null ? layer % 2 === 0 && layer < end : types[layer] === "sliding_attention") ? window : undefined);
}

interface RouterOptions {
  readonly experts: number;
  readonly perToken: number;
  readonly normalize: boolean;
  readonly round: Rounding;
}

/** @param at - the layer's `mlp` @returns [T, H], the caller's to release */
async function sparse(executor: Executor, source: ForwardSource, at: string, x: Tensor, options: RouterOptions): Promise<Tensor> {
  const { experts: count, round } = options;
  const experts = Array.from({ length: count }, (_, number): Expert => {
    const name = `${at}.experts.${number}`;
    for (const part of ["gate_proj", "up_proj", "down_proj"]) source.whole(`${name}.${part}.weight`);
    return (ops, rows) => gatedFeedForward(ops, source, name, rows, false, round);
  });
  const gate = await scoped(executor, (ops) => ops.linear(x, source.whole(`${at}.shared_expert_gate.weight`), { round })); // [T, 1]
  const shares = sigmoid(await valuesOf(executor, gate), round);
  const logits = await scoped(executor, (ops) => ops.linear(x, source.whole(`${at}.gate.weight`), { round })); // [T, E]
  const routing = route(await valuesOf(executor, logits), options);
  const mixed = await mixExperts(executor, x, routing, experts, { roundProducts: round, roundSums: "none", round });
  const withShared = async (ops: Ops) => {
    const shared = await gatedFeedForward(ops, source, `${at}.shared_expert`, x, false, round);
    return ops.add(mixed, await ops.scaleRows(shared, shares, round), round);
  };
  return scoped(executor, withShared, mixed);
}
