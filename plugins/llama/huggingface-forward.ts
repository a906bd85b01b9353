// LlamaForCausalLM as transformers computes it, and what other families of transformers compute the same way.
// Source: transformers 5.17 models/llama/modeling_llama.py, forward-semantics.
// Shape letters: T tokens · H hidden · A heads · K key/value heads · D head size · F feed-forward · V vocabulary.

import type { Values } from "../../core/architecture/declaration.js";
import { UnsupportedError } from "../../core/errors.js";
import type { Executor, LinearOptions, Ops, Rounding, Tensor } from "../../core/executor/executor.js";
import { scoped } from "../../core/executor/scope.js";
import { configReader } from "../../core/forward/config.js";
import { runDecoder } from "../../core/forward/decoder.js";
import type { Forward, ForwardOptions, ForwardSource, Stage } from "../../core/forward/forward.js";
import { type RopeTable, scaledRope } from "../../core/forward/rope.js";
import { frameworkRounding } from "./rounding.js";

/** A decoder of transformers with gated feed-forwards and RMSNorms, as its config and its class have it. */
export interface HuggingFaceDecoder {
  readonly source: ForwardSource;
  readonly layers: number;
  readonly heads: number; // A
  readonly kvHeads: number; // K
  readonly headDim: number; // D
  readonly epsilon: number;
  readonly rope: RopeTable;
  /** Which products have a bias: q, k and v; the attention's output; the feed-forward's three. */
  readonly biases: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean };
  /** Whether a layer's queries and keys are rotated. */
  readonly rotates: (layer: number) => boolean;
  readonly isTied: boolean;
  /** Tokens that one sees in a layer, itself included; undefined where it sees all before it. */
  readonly window: (layer: number) => number | undefined;
  readonly attention: ForwardOptions["attention"];
  readonly round: Rounding;
  /** What a layer's feed-forward gives for its normed input [T, H], the caller's to release; the gated one of `mlp` if there is none here. */
  readonly feedForward?: (executor: Executor, layer: number, x: Tensor) => Promise<Tensor>;
}

export const huggingFaceLlama: Forward = (executor, source, tokens, options) =>
  runHuggingFaceDecoder(executor, readModel(source, tokens.length, options), tokens);

/** @returns as a Forward does */
export function runHuggingFaceDecoder(
  executor: Executor,
  model: HuggingFaceDecoder,
  tokens: Uint32Array,
): AsyncGenerator<Stage, Tensor, void> {
  const { source, layers, isTied, round } = model;
  const table = source.whole(EMBEDDING);
  return runDecoder(executor, {
    layers,
    embed: (ops) => ops.embed(table, tokens, { firstRow: 0 }),
    attention: (ops, layer, hidden) => addAttention(ops, model, layer, hidden),
    feedForward: (ops, layer, hidden) => addFeedForward(ops, executor, model, layer, hidden),
    finalNorm: (ops, hidden) => norm(ops, model, "model.norm.weight", hidden),
    logits: (ops, hidden) => ops.linear(hidden, isTied ? table : source.whole("lm_head.weight"), { round }),
  });
}

const EMBEDDING = "model.embed_tokens.weight";

/** As transformers does, the class is chosen by `model_type`. MistralForCausalLM is Llama without biases and with a window. */
function readModel(source: ForwardSource, numTokens: number, options: ForwardOptions): HuggingFaceDecoder {
  const config = configReader(source);
  if (source.config.model_type === "mistral") {
    const window = windowOf(source, 4096);
    const biases = { qkv: false, output: false, mlp: false };
    const kvHeads = source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 8;
    return readHuggingFaceDecoder(source, numTokens, options, { biases, kvHeads, maxPositions: 131072, window: () => window });
  }
  const attentionBias = config.flag("attention_bias", false);
  const biases = { qkv: attentionBias, output: attentionBias, mlp: config.flag("mlp_bias", false) };
  return readHuggingFaceDecoder(source, numTokens, options, { biases, kvHeads: config.integer("num_attention_heads"), maxPositions: 2048 });
}

/** @returns what `sliding_window` says: null is none, and an absent key the class's own */
export const windowOf = (source: ForwardSource, absent: number): number | undefined =>
  source.config.sliding_window === null ? undefined : configReader(source).integer("sliding_window", absent);

/** What a class of transformers has without its config saying so. */
export interface ClassDefaults {
  readonly biases: HuggingFaceDecoder["biases"];
  /** Of absent keys. */
  readonly kvHeads: number;
  readonly maxPositions: number;
  readonly theta?: number;
  readonly isTied?: boolean;
  /** As a HuggingFaceDecoder has them; all layers rotate and none has a window by default. */
  readonly rotates?: HuggingFaceDecoder["rotates"];
  readonly window?: HuggingFaceDecoder["window"];
}

/** @throws {CheckpointError | UnsupportedError} the config lacks a key, or asks for what no forward here computes */
export function readHuggingFaceDecoder(
  source: ForwardSource,
  numTokens: number,
  { numerics, attention }: ForwardOptions,
  { biases, kvHeads, maxPositions, theta = 10000, isTied = false, rotates = () => true, window = () => undefined }: ClassDefaults,
): HuggingFaceDecoder {
  const config = configReader(source);
  const heads = config.integer("num_attention_heads");
  const headDim = config.integer("head_dim", config.integer("hidden_size") / heads);
  const activation = config.text("hidden_act", "silu");
  if (activation !== "silu")
    throw new UnsupportedError(`${source.configPath}: hidden_act ${JSON.stringify(activation)}: this forward knows silu`, false);
  return {
    source,
    layers: config.integer("num_hidden_layers"),
    heads,
    kvHeads: config.integer("num_key_value_heads", kvHeads),
    headDim,
    epsilon: config.number("rms_norm_eps", 1e-6),
    rope: readRope(source, headDim, numTokens, { maxPositions, theta }),
    biases,
    rotates,
    isTied: config.flag("tie_word_embeddings", isTied),
    window,
    attention,
    round: frameworkRounding(numerics, source.whole(EMBEDDING).dtype),
  };
}

/** Version 5 reads `rope_parameters`, unless a legacy `rope_scaling` says something; theta fills in from the top level. */
type RopeDefaults = Required<Pick<ClassDefaults, "maxPositions" | "theta">>;

function readRope(source: ForwardSource, headDim: number, numTokens: number, defaults: RopeDefaults): RopeTable {
  const config = configReader(source);
  const legacy = config.object("rope_scaling");
  const parameters: Values = (legacy !== undefined && Object.keys(legacy).length > 0 ? legacy : config.object("rope_parameters")) ?? {};
  const theta = typeof parameters.rope_theta === "number" ? parameters.rope_theta : config.number("rope_theta", defaults.theta);
  const type = parameters.rope_type ?? parameters.type ?? "default";
  if ((parameters.partial_rotary_factor ?? config.number("partial_rotary_factor", 1)) !== 1) {
    throw new UnsupportedError(`${source.configPath}: partial_rotary_factor: this forward rotates whole heads`, false);
  }
  const maxPositions = config.integer("max_position_embeddings", defaults.maxPositions);
  return scaledRope(theta, headDim, { ...parameters, rope_type: type }, numTokens, maxPositions);
}

const norm = (ops: Ops, { source, epsilon, round }: HuggingFaceDecoder, name: string, x: Tensor): Promise<Tensor> =>
  ops.rmsNorm(x, source.whole(name), { epsilon, roundNormalized: round, round });

async function addAttention(ops: Ops, model: HuggingFaceDecoder, layer: number, hidden: Tensor): Promise<Tensor> {
  const { source, heads, kvHeads, headDim, rope, biases, attention, round } = model;
  const at = `model.layers.${layer}`;
  const product = (x: Tensor, name: string, hasBias = biases.qkv) => linear(ops, source, x, `${at}.self_attn.${name}`, hasBias, round);
  const roundings = { roundTable: round, roundProducts: round, round };
  const rotate = async (x: Tensor) => (model.rotates(layer) ? ops.rotate(x, { headDim, ...rope, interleaved: false, ...roundings }) : x);
  const x = await norm(ops, model, `${at}.input_layernorm.weight`, hidden); // [T, H]
  const q = await rotate(await product(x, "q_proj")); // [T, A·D]
  const k = await rotate(await product(x, "k_proj")); // [T, K·D]
  const v = await product(x, "v_proj"); // [T, K·D]
  const scores = { scale: headDim ** -0.5, window: model.window(layer), kind: attention, round };
  const mixed = await ops.attention(q, k, v, { heads, kvHeads, headDim, ...scores }); // [T, A·D]
  return ops.add(hidden, await product(mixed, "o_proj", biases.output), round);
}

async function addFeedForward(ops: Ops, executor: Executor, model: HuggingFaceDecoder, layer: number, hidden: Tensor): Promise<Tensor> {
  const { source, biases, round, feedForward } = model;
  const at = `model.layers.${layer}`;
  const x = await norm(ops, model, `${at}.post_attention_layernorm.weight`, hidden); // [T, H]
  if (feedForward === undefined) return ops.add(hidden, await gatedFeedForward(ops, source, `${at}.mlp`, x, biases.mlp, round), round);
  const out = await feedForward(executor, layer, x);
  return scoped(executor, (own) => own.add(hidden, out, round), out);
}

/** @param at - where its three matrices are, e.g. `model.layers.0.mlp` @returns [T, H] */
export async function gatedFeedForward(
  ops: Ops,
  source: ForwardSource,
  at: string,
  x: Tensor,
  hasBias: boolean,
  round: Rounding,
): Promise<Tensor> {
  const product = (input: Tensor, name: string) => linear(ops, source, input, `${at}.${name}`, hasBias, round);
  const active = await ops.siluMul(await product(x, "gate_proj"), await product(x, "up_proj"), { roundSilu: round, round }); // [T, F]
  return product(active, "down_proj");
}

function linear(ops: Ops, source: ForwardSource, x: Tensor, name: string, hasBias: boolean, round: Rounding): Promise<Tensor> {
  const options: LinearOptions = hasBias ? { round, bias: source.whole(`${name}.bias`) } : { round };
  return ops.linear(x, source.whole(`${name}.weight`), options);
}
