// Starcoder2ForTraining with grouped queries as Nanotron computes it, its tensor-parallel ranks one after another. README.md beside
// this file says where each fact is from.
// Shape letters: T tokens · H hidden · A heads · K key/value heads · D head size · F feed-forward · V vocabulary · R ranks.

import { UnsupportedError } from "../../core/errors.js";
import type { AttentionOptions, Ops, Rounding, Tensor } from "../../core/executor/executor.js";
import { configReader } from "../../core/forward/config.js";
import { runDecoder } from "../../core/forward/decoder.js";
import type { Forward, ForwardOptions, ForwardSource } from "../../core/forward/forward.js";
import { ropeFrequencies } from "../../core/forward/rope.js";
import { embed } from "../llama/nanotron-forward.js";
import { frameworkRounding } from "../llama/rounding.js";
import { checkActivation } from "./activation.js";

interface Starcoder2 {
  readonly source: ForwardSource;
  readonly layers: number;
  readonly headDim: number; // D
  readonly epsilon: number;
  readonly frequencies: Float32Array;
  /** Of one rank: A / R heads on K / R. */
  readonly attention: (layer: number) => AttentionOptions;
  readonly round: Rounding;
}

const EMBEDDING = "model.token_embeddings.pp_block.token_embedding.weight";

export const nanotronStarcoder2: Forward = (executor, source, tokens, options) => {
  const model = readModel(source, options);
  return runDecoder(executor, {
    layers: model.layers,
    embed: (ops) => embed(ops, source.parts(EMBEDDING), tokens),
    attention: (ops, layer, hidden) => addAttention(ops, model, layer, hidden),
    feedForward: (ops, layer, hidden) => addFeedForward(ops, model, layer, hidden),
    finalNorm: (ops, hidden) => norm(ops, model, "model.final_layer_norm.pp_block", hidden),
    logits: (ops, hidden) => logits(ops, model, hidden),
  });
};

/** @throws {CheckpointError | UnsupportedError} the config lacks a key, or asks for what no forward here computes */
function readModel(source: ForwardSource, { numerics }: ForwardOptions): Starcoder2 {
  const config = configReader(source);
  const { tp } = source.arrangement;
  checkActivation(source, "activation_function");
  if (!config.flag("grouped_query", false)) throw refusal(source, "grouped_query", "no forward here computes multi-query attention");
  for (const key of ["use_rotary_embeddings", "scale_attn_weights"])
    if (!config.flag(key, true)) throw refusal(source, key, "Nanotron's own code fails without it");
  const heads = config.integer("num_attention_heads");
  const headDim = config.integer("hidden_size") / heads;
  const round = frameworkRounding(numerics, source.parts(EMBEDDING)[0]?.dtype ?? "F32");
  const kvHeads = config.integer("num_kv_heads") / tp;
  const shared = { heads: heads / tp, kvHeads, headDim, scale: headDim ** -0.5, kind: "fused", round } as const;
  const window = (source.config.sliding_window_size ?? null) === null ? {} : { window: config.integer("sliding_window_size") };
  const everywhere = new Set([source.config.global_attn_layers ?? []].flat());
  return {
    source,
    layers: config.integer("num_hidden_layers"),
    headDim,
    epsilon: config.number("layer_norm_epsilon", 1e-5),
    frequencies: ropeFrequencies(config.number("rope_theta", 10000), headDim),
    attention: (layer) => (everywhere.has(layer) ? shared : { ...shared, ...window }),
    round,
  };
}

const refusal = ({ configPath }: ForwardSource, key: string, because: string): UnsupportedError =>
  new UnsupportedError(`${configPath}: ${key}: ${because}`, false, { hint: "compare with --checks parameters" });

const norm = (ops: Ops, { source, epsilon, round }: Starcoder2, name: string, x: Tensor): Promise<Tensor> =>
  ops.layerNorm(x, source.whole(`${name}.weight`), source.whole(`${name}.bias`), { epsilon, round });

async function addAttention(ops: Ops, model: Starcoder2, layer: number, hidden: Tensor): Promise<Tensor> {
  const { round } = model;
  const at = `model.decoder.${layer}.pp_block`;
  const x = await norm(ops, model, `${at}.ln_1`, hidden); // [T, H]
  const mixed: Tensor[] = [];
  for (const qkv of await columnParallel(ops, model, `${at}.attn.query_key_value`, x))
    mixed.push(await attend(ops, model, model.attention(layer), qkv)); // [T, A·D / R]
  return ops.add(hidden, await rowParallel(ops, model, `${at}.attn.dense`, mixed), round);
}

/** @param qkv - [T, (A + 2K)·D / R]: for each key/value head its queries, its key, its value */
async function attend(ops: Ops, { headDim, frequencies, round }: Starcoder2, options: AttentionOptions, qkv: Tensor): Promise<Tensor> {
  const { heads, kvHeads } = options;
  const queries = (heads / kvHeads) * headDim;
  const gather = async (start: number, width: number) => {
    const parts: Tensor[] = [];
    for (let group = 0; group < kvHeads; group++) {
      const from = group * (queries + 2 * headDim) + start;
      parts.push(await ops.columns(qkv, from, from + width));
    }
    return ops.joinColumns(parts);
  };
  const roundings = { roundTable: round, roundProducts: round, round };
  const rotate = (heads: Tensor) => ops.rotate(heads, { headDim, frequencies, tableFactor: 1, interleaved: false, ...roundings });
  const q = await rotate(await gather(0, queries)); // [T, A·D / R]
  const k = await rotate(await gather(queries, headDim)); // [T, K·D / R]
  const v = await gather(queries + headDim, headDim); // [T, K·D / R]
  return ops.attention(q, k, v, options);
}

async function addFeedForward(ops: Ops, model: Starcoder2, layer: number, hidden: Tensor): Promise<Tensor> {
  const { round } = model;
  const at = `model.decoder.${layer}.pp_block`;
  const x = await norm(ops, model, `${at}.ln_2`, hidden); // [T, H]
  const active: Tensor[] = [];
  for (const wide of await columnParallel(ops, model, `${at}.ff.c_fc`, x)) active.push(await ops.geluTanh(wide, round)); // [T, F / R]
  return ops.add(hidden, await rowParallel(ops, model, `${at}.ff.c_proj`, active), round);
}

/** @returns each rank's rows of the product, with its part of the bias */
async function columnParallel(ops: Ops, { source, round }: Starcoder2, name: string, x: Tensor): Promise<Tensor[]> {
  const biases = source.parts(`${name}.bias`);
  const parts: Tensor[] = [];
  for (const [rank, weight] of source.parts(`${name}.weight`).entries()) {
    const bias = biases[rank];
    parts.push(await ops.linear(x, weight, bias === undefined ? { round } : { round, bias }));
  }
  return parts;
}

/** Each rank's partial product is rounded, rank 0's with the bias in it, then the sum over ranks is. @returns [T, H] */
async function rowParallel(ops: Ops, { source, round }: Starcoder2, name: string, inputs: readonly Tensor[]): Promise<Tensor> {
  let sum: Tensor | undefined;
  for (const [rank, weight] of source.parts(`${name}.weight`).entries()) {
    const bias = rank === 0 ? { bias: source.whole(`${name}.bias`) } : {};
    const partial = await ops.linear(inputs[rank] as Tensor, weight, { round, ...bias });
    sum = sum === undefined ? partial : await ops.add(sum, partial, round);
  }
  return sum as Tensor;
}

/** The embedding's rows are the output matrix; each rank has its part of the vocabulary, and all must be gathered. */
async function logits(ops: Ops, { source, round }: Starcoder2, hidden: Tensor): Promise<Tensor> {
  const parts: Tensor[] = [];
  for (const weight of source.parts(EMBEDDING)) parts.push(await ops.linear(hidden, weight, { round }));
  const [only, ...more] = parts;
  return only !== undefined && more.length === 0 ? only : ops.joinColumns(parts);
}
