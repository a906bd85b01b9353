// Starcoder2ForCausalLM as transformers computes it. README.md beside this file says where each fact is from.
// Shape letters: T tokens · H hidden · A heads · K key/value heads · D head size · F feed-forward · V vocabulary.

import type { Values } from "../../core/architecture/declaration.js";
import { UnsupportedError } from "../../core/errors.js";
import type { AttentionOptions, LinearOptions, Ops, Rounding, Tensor } from "../../core/executor/executor.js";
import { configReader } from "../../core/forward/config.js";
import { runDecoder } from "../../core/forward/decoder.js";
import type { Forward, ForwardOptions, ForwardSource } from "../../core/forward/forward.js";
import { type RopeTable, scaledRope } from "../../core/forward/rope.js";
import { frameworkRounding } from "../llama/rounding.js";
import { checkActivation } from "./activation.js";

interface Starcoder2 {
  readonly source: ForwardSource;
  readonly layers: number;
  readonly headDim: number; // D
  readonly epsilon: number;
  readonly rope: RopeTable;
  readonly attention: AttentionOptions;
  /** Of q, k, v, o, c_fc and c_proj. */
  readonly hasBias: boolean;
  readonly isTied: boolean;
  readonly round: Rounding;
}

export const huggingFaceStarcoder2: Forward = (executor, source, tokens, options) => {
  const model = readModel(source, tokens.length, options);
  const table = source.whole("model.embed_tokens.weight");
  return runDecoder(executor, {
    layers: model.layers,
    embed: (ops) => ops.embed(table, tokens, { firstRow: 0 }),
    attention: (ops, layer, hidden) => addAttention(ops, model, `model.layers.${layer}`, hidden),
    feedForward: (ops, layer, hidden) => addFeedForward(ops, model, `model.layers.${layer}`, hidden),
    finalNorm: (ops, hidden) => norm(ops, model, "model.norm", hidden),
    logits: (ops, hidden) => ops.linear(hidden, model.isTied ? table : source.whole("lm_head.weight"), { round: model.round }),
  });
};

/** @throws {CheckpointError | UnsupportedError} the config lacks a key, or asks for what no forward here computes */
function readModel(source: ForwardSource, numTokens: number, { numerics, attention }: ForwardOptions): Starcoder2 {
  const config = configReader(source);
  checkActivation(source, "hidden_act");
  const heads = config.integer("num_attention_heads");
  const headDim = config.integer("head_dim", config.integer("hidden_size") / heads);
  const round = frameworkRounding(numerics, source.whole("model.embed_tokens.weight").dtype);
  const window = (source.config.sliding_window ?? null) === null ? {} : { window: config.integer("sliding_window") };
  const kvHeads = config.integer("num_key_value_heads", 2);
  return {
    source,
    layers: config.integer("num_hidden_layers"),
    headDim,
    epsilon: config.number("norm_epsilon", 1e-5),
    rope: readRope(source, headDim, numTokens),
    attention: { heads, kvHeads, headDim, scale: headDim ** -0.5, ...window, kind: attention, round },
    hasBias: config.flag("use_bias", true),
    isTied: config.flag("tie_word_embeddings", true),
    round,
  };
}

/** Version 5 reads `rope_parameters`, unless a legacy `rope_scaling` says something; theta fills in from the top level. */
function readRope(source: ForwardSource, headDim: number, numTokens: number): RopeTable {
  const config = configReader(source);
  const legacy = config.object("rope_scaling");
  const parameters: Values = (legacy !== undefined && Object.keys(legacy).length > 0 ? legacy : config.object("rope_parameters")) ?? {};
  const theta = typeof parameters.rope_theta === "number" ? parameters.rope_theta : config.number("rope_theta", 10000);
  const type = parameters.rope_type ?? parameters.type ?? "default";
  // Unscaled, Starcoder2's own code rotates whole heads whatever the config says; the shared code of scalings does not.
  if (type !== "default" && (parameters.partial_rotary_factor ?? config.number("partial_rotary_factor", 1)) !== 1)
    throw new UnsupportedError(`${source.configPath}: partial_rotary_factor: this forward rotates whole heads`, false);
  return scaledRope(theta, headDim, { ...parameters, rope_type: type }, numTokens, config.integer("max_position_embeddings", 4096));
}

const norm = (ops: Ops, { source, epsilon, round }: Starcoder2, name: string, x: Tensor): Promise<Tensor> =>
  ops.layerNorm(x, source.whole(`${name}.weight`), source.whole(`${name}.bias`), { epsilon, round });

function linear(ops: Ops, { source, hasBias, round }: Starcoder2, name: string, x: Tensor): Promise<Tensor> {
  const options: LinearOptions = hasBias ? { round, bias: source.whole(`${name}.bias`) } : { round };
  return ops.linear(x, source.whole(`${name}.weight`), options);
}

async function addAttention(ops: Ops, model: Starcoder2, at: string, hidden: Tensor): Promise<Tensor> {
  const { headDim, rope, attention, round } = model;
  const x = await norm(ops, model, `${at}.input_layernorm`, hidden); // [T, H]
  const product = (name: string) => linear(ops, model, `${at}.self_attn.${name}`, x);
  const roundings = { roundTable: round, roundProducts: round, round };
  const rotate = async (name: string) => ops.rotate(await product(name), { headDim, ...rope, interleaved: false, ...roundings });
  const mixed = await ops.attention(await rotate("q_proj"), await rotate("k_proj"), await product("v_proj"), attention); // [T, A·D]
  return ops.add(hidden, await linear(ops, model, `${at}.self_attn.o_proj`, mixed), round);
}

async function addFeedForward(ops: Ops, model: Starcoder2, at: string, hidden: Tensor): Promise<Tensor> {
  const { round } = model;
  const x = await norm(ops, model, `${at}.post_attention_layernorm`, hidden); // [T, H]
  const active = await ops.geluTanh(await linear(ops, model, `${at}.mlp.c_fc`, x), round); // [T, F]
  return ops.add(hidden, await linear(ops, model, `${at}.mlp.c_proj`, active), round);
}
