// LlamaForTraining as Nanotron computes it, its tensor-parallel ranks one after another, and what Nanotron's Qwen2 shares with it.
// Source: nanotron 2411b022 src/nanotron/models/llama.py, forward-semantics.
// Shape letters: T tokens · H hidden · A heads · K key/value heads · D head size · F feed-forward · V vocabulary · R ranks.

import { UnsupportedError } from "../../core/errors.js";
import type { Executor, Ops, Rounding, Tensor, Weight } from "../../core/executor/executor.js";
import { scoped } from "../../core/executor/scope.js";
import { configReader } from "../../core/forward/config.js";
import { runDecoder } from "../../core/forward/decoder.js";
import type { Forward, ForwardOptions, ForwardSource, Stage } from "../../core/forward/forward.js";
import { ropeFrequencies } from "../../core/forward/rope.js";
import { frameworkRounding } from "./rounding.js";

/** A decoder of Nanotron with a fused qkv and gate_up, as its config and its class have it. */
export interface NanotronDecoder {
  readonly source: ForwardSource;
  readonly layers: number;
  readonly heads: number; // A / R: of one rank
  readonly kvHeads: number; // K / R
  readonly headDim: number; // D
  readonly epsilon: number;
  readonly frequencies: Float32Array;
  readonly interleaved: boolean;
  readonly isTied: boolean;
  readonly qkvBias: boolean;
  /** Whether a layer's queries and keys are rotated. */
  readonly rotates: (layer: number) => boolean;
  /** Tokens that one sees in a layer, itself included; undefined where it sees all before it. */
  readonly window: (layer: number) => number | undefined;
  /** Of x̂ in each layer's first norm, and in all the others. */
  readonly roundInputNorm: Rounding;
  readonly roundNorm: Rounding;
  readonly round: Rounding;
  /** What a layer's feed-forward gives for its normed input [T, H], the caller's to release; the gated one of `mlp` if there is none here. */
  readonly feedForward?: (executor: Executor, layer: number, x: Tensor) => Promise<Tensor>;
}

const EMBEDDING = "model.token_position_embeddings.pp_block.token_embedding.weight";

/** The norm is one Triton kernel, which rounds once; there are no biases, and every layer rotates. */
export const nanotronLlama: Forward = (executor, source, tokens, options) =>
  runNanotronDecoder(
    executor,
    {
      ...readNanotronDecoder(source, options),
      qkvBias: false,
      rotates: () => true,
      window: () => undefined,
      roundInputNorm: "none",
      roundNorm: "none",
    },
    tokens,
  );

/** @returns as a Forward does */
export const runNanotronDecoder = (executor: Executor, model: NanotronDecoder, tokens: Uint32Array): AsyncGenerator<Stage, Tensor, void> =>
  runDecoder(executor, {
    layers: model.layers,
    embed: (ops) => embed(ops, model.source.parts(EMBEDDING), tokens),
    attention: (ops, layer, hidden) => addAttention(ops, model, layer, hidden),
    feedForward: (ops, layer, hidden) => addFeedForward(ops, executor, model, layer, hidden),
    finalNorm: (ops, hidden) => norm(ops, model, "model.final_layer_norm.pp_block.weight", hidden, model.roundNorm),
    logits: (ops, hidden) => logits(ops, model, hidden),
  });

type ClassFacts = "qkvBias" | "rotates" | "window" | "roundInputNorm" | "roundNorm";

/**
 * What every model's config says alike; the rest is the class's.
 *
 * @throws {CheckpointError | UnsupportedError} the config lacks a key, or asks for what no forward here computes
 */
export function readNanotronDecoder(source: ForwardSource, { numerics }: ForwardOptions): Omit<NanotronDecoder, ClassFacts> {
  const config = configReader(source);
  const { tp, ropeInterleaved } = source.arrangement;
  const heads = config.integer("num_attention_heads");
  const headDim = config.integer("hidden_size") / heads;
  const activation = config.text("hidden_act", "silu");
  if (activation !== "silu")
    throw new UnsupportedError(`${source.configPath}: hidden_act ${JSON.stringify(activation)}: this forward knows silu`, false);
  return {
    source,
    layers: config.integer("num_hidden_layers"),
    heads: heads / tp,
    kvHeads: config.integer("num_key_value_heads", heads) / tp,
    headDim,
    epsilon: config.number("rms_norm_eps", 1e-6),
    // rope_scaling is in the config and read by no model of Nanotron's.
    frequencies: ropeFrequencies(config.number("rope_theta", 10000), headDim),
    interleaved: ropeInterleaved,
    isTied: config.flag("tie_word_embeddings", false),
    round: frameworkRounding(numerics, source.parts(EMBEDDING)[0]?.dtype ?? "F32"),
  };
}

/** Each rank gathers its rows and has zeros elsewhere, so that the sum over ranks is exact. */
export async function embed(ops: Ops, parts: readonly Weight[], tokens: Uint32Array): Promise<Tensor> {
  let firstRow = 0;
  let sum: Tensor | undefined;
  for (const table of parts) {
    const part = await ops.embed(table, tokens, { firstRow }); // [T, H]
    sum = sum === undefined ? part : await ops.add(sum, part, "none");
    firstRow += table.shape[0] ?? 0;
  }
  return sum as Tensor;
}

const norm = (ops: Ops, { source, epsilon, round }: NanotronDecoder, name: string, x: Tensor, roundNormalized: Rounding): Promise<Tensor> =>
  ops.rmsNorm(x, source.whole(name), { epsilon, roundNormalized, round });

async function addAttention(ops: Ops, model: NanotronDecoder, layer: number, hidden: Tensor): Promise<Tensor> {
  const { source, heads, kvHeads, headDim, frequencies, interleaved, round } = model;
  const at = `model.decoder.${layer}.pp_block`;
  const [queryWidth, keyWidth] = [heads * headDim, kvHeads * headDim];
  const roundings = { roundTable: round, roundProducts: "none", round } as const;
  const rotate = async (x: Tensor) =>
    model.rotates(layer) ? ops.rotate(x, { headDim, frequencies, tableFactor: 1, interleaved, ...roundings }) : x;
  const x = await norm(ops, model, `${at}.input_layernorm.weight`, hidden, model.roundInputNorm); // [T, H]
  const biases = model.qkvBias ? source.parts(`${at}.attn.qkv_proj.bias`) : [];
  const scores = { scale: headDim ** -0.5, window: model.window(layer), kind: "fused", round } as const;
  const mixed: Tensor[] = [];
  for (const [rank, weight] of source.parts(`${at}.attn.qkv_proj.weight`).entries()) {
    const bias = biases[rank];
    const qkv = await ops.linear(x, weight, bias === undefined ? { round } : { round, bias }); // [T, (A + 2K)·D / R]
    const q = await rotate(await ops.columns(qkv, 0, queryWidth));
    const k = await rotate(await ops.columns(qkv, queryWidth, queryWidth + keyWidth));
    const v = await ops.columns(qkv, queryWidth + keyWidth, queryWidth + 2 * keyWidth);
    mixed.push(await ops.attention(q, k, v, { heads, kvHeads, headDim, ...scores })); // [T, A·D / R]
  }
  return ops.add(hidden, await rowParallel(ops, mixed, source.parts(`${at}.attn.o_proj.weight`), round), round);
}

async function addFeedForward(ops: Ops, executor: Executor, model: NanotronDecoder, layer: number, hidden: Tensor): Promise<Tensor> {
  const { source, round, feedForward } = model;
  const at = `model.decoder.${layer}.pp_block`;
  const x = await norm(ops, model, `${at}.post_attention_layernorm.weight`, hidden, model.roundNorm); // [T, H]
  if (feedForward === undefined) return ops.add(hidden, await rankedFeedForward(ops, source, `${at}.mlp`, x, round), round);
  const out = await feedForward(executor, layer, x);
  return scoped(executor, (own) => own.add(hidden, out, round), out);
}

/** @param at - where its two matrices are, e.g. `model.decoder.0.pp_block.mlp` @returns [T, H] */
export async function rankedFeedForward(ops: Ops, source: ForwardSource, at: string, x: Tensor, round: Rounding): Promise<Tensor> {
  const active: Tensor[] = [];
  for (const weight of source.parts(`${at}.gate_up_proj.weight`)) {
    active.push(await gated(ops, await ops.linear(x, weight, { round }), round)); // [T, F / R]
  }
  return rowParallel(ops, active, source.parts(`${at}.down_proj.weight`), round);
}

/** @param gateUp - [T, 2F] @returns silu(gate) · up, [T, F] */
export async function gated(ops: Ops, gateUp: Tensor, round: Rounding): Promise<Tensor> {
  const width = gateUp.shape[1] / 2;
  const [gate, up] = [await ops.columns(gateUp, 0, width), await ops.columns(gateUp, width, 2 * width)];
  return ops.siluMul(gate, up, { roundSilu: round, round });
}

/** Each rank's partial product is rounded, then the sum over ranks is. @returns [T, H] */
async function rowParallel(ops: Ops, inputs: readonly Tensor[], weights: readonly Weight[], round: Rounding): Promise<Tensor> {
  let sum: Tensor | undefined;
  for (const [rank, weight] of weights.entries()) {
    const partial = await ops.linear(inputs[rank] as Tensor, weight, { round });
    sum = sum === undefined ? partial : await ops.add(sum, partial, round);
  }
  return sum as Tensor;
}

/** Each rank has its rows of the vocabulary: all must be gathered before anything is read from them. */
async function logits(ops: Ops, { source, isTied, round }: NanotronDecoder, hidden: Tensor): Promise<Tensor> {
  const parts: Tensor[] = [];
  for (const weight of source.parts(isTied ? EMBEDDING : "model.lm_head.pp_block.weight"))
    parts.push(await ops.linear(hidden, weight, { round }));
  const [only, ...more] = parts;
  return only !== undefined && more.length === 0 ? only : ops.joinColumns(parts);
}
