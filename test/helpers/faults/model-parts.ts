// The parts of a Llama model by role, in either layout: a fault is then one function of rows, whichever way they are stored.

import type { CheckpointFiles, StoredBytes } from "./checkpoint-files.js";
import { besides, columnParts, cut, type Rows, readRows, writeRows } from "./rows.js";

const NAMES = {
  huggingface: {
    layer: "model.layers",
    embedding: "model.embed_tokens.weight",
    finalNorm: "model.norm.weight",
    lmHead: "lm_head.weight",
    qkv: ["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"],
    gateUp: ["mlp.gate_proj.weight", "mlp.up_proj.weight"],
    o: "self_attn.o_proj.weight",
    down: "mlp.down_proj.weight",
    inputNorm: "input_layernorm.weight",
    postNorm: "post_attention_layernorm.weight",
  },
  nanotron: {
    layer: "model.decoder",
    embedding: "model.token_position_embeddings.pp_block.token_embedding.weight",
    finalNorm: "model.final_layer_norm.pp_block.weight",
    lmHead: "model.lm_head.pp_block.weight",
    qkv: ["pp_block.attn.qkv_proj.weight"],
    gateUp: ["pp_block.mlp.gate_up_proj.weight"],
    o: "pp_block.attn.o_proj.weight",
    down: "pp_block.mlp.down_proj.weight",
    inputNorm: "pp_block.input_layernorm.weight",
    postNorm: "pp_block.post_attention_layernorm.weight",
  },
} as const;

type Top = "embedding" | "finalNorm" | "lmHead";
type Fused = "qkv" | "gateUp";
export type Single = "o" | "down" | "inputNorm" | "postNorm";

export const top = (files: CheckpointFiles, role: Top): readonly StoredBytes[] => files.parts(NAMES[files.facts.layout][role]);

export function inside(files: CheckpointFiles, layer: number, role: Single | Fused): StoredBytes[] {
  const names = NAMES[files.facts.layout];
  return [names[role]].flat().flatMap((name) => files.parts(`${names.layer}.${layer}.${name}`));
}

/** All that a layer stores, always in the same order. */
export const wholeLayer = (files: CheckpointFiles, layer: number): StoredBytes[] =>
  (["inputNorm", "qkv", "o", "postNorm", "gateUp", "down"] as const).flatMap((role) => inside(files, layer, role));

/** What each rank multiplies with: its rows of q, k and v, or of gate and up. Hugging Face has one rank. */
export const readFused = (files: CheckpointFiles, layer: number, role: Fused): Rows[][] =>
  files.facts.layout === "huggingface"
    ? [inside(files, layer, role).map(readRows)]
    : inside(files, layer, role).map((part) => cut(readRows(part), heights(files, role)));

export function writeFused(files: CheckpointFiles, layer: number, role: Fused, ranks: readonly (readonly Rows[])[]): void {
  const flat = files.facts.layout === "huggingface" ? (ranks[0] ?? []) : ranks.map((chunks) => chunks.flat());
  inside(files, layer, role).forEach((tensor, at) => writeRows(tensor, flat[at] ?? []));
}

/** Replace what each rank has. */
export const editFused = (files: CheckpointFiles, layer: number, role: Fused, edit: (chunks: readonly Rows[]) => readonly Rows[]): void =>
  writeFused(files, layer, role, readFused(files, layer, role).map(edit));

/** Rows of q, k, v or gate, up that a rank has. */
export function heights({ facts }: CheckpointFiles, role: Fused): number[] {
  const { heads, kvHeads, headDim, ffn, tp } = facts;
  return (role === "qkv" ? [heads * headDim, kvHeads * headDim, kvHeads * headDim] : [ffn, ffn]).map((rows) => rows / tp);
}

/** A row-parallel weight, its ranks' columns put together. */
export const readWhole = (files: CheckpointFiles, layer: number, role: "o" | "down"): Rows =>
  besides(inside(files, layer, role).map(readRows));

export function writeWhole(files: CheckpointFiles, layer: number, role: "o" | "down", rows: Rows): void {
  const ranks = columnParts(rows, files.facts.tp);
  inside(files, layer, role).forEach((tensor, rank) => writeRows(tensor, ranks[rank] ?? []));
}
