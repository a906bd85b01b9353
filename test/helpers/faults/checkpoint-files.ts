// A checkpoint folder's tensors as bytes in files, found by the formats' rules: safetensors headers, and Nanotron's file names.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FloatDType } from "../floats.js";
import { readJson } from "../folders.js";
import type { NaiveModel } from "../naive-nanotron.js";

/** What a checkpoint is, as far as faults depend on it. */
export interface Facts extends NaiveModel {
  readonly layout: "huggingface" | "nanotron";
  readonly tp: number;
  readonly interleaved: boolean;
}

/** One stored tensor: the whole, or a tensor-parallel rank's part of it. */
export interface StoredBytes {
  readonly shape: readonly number[];
  readonly dtype: FloatDType;
  read(): Buffer;
  /** Of the same length as what `read` gives. */
  write(bytes: Uint8Array): void;
}

export interface CheckpointFiles {
  readonly folder: string;
  readonly configName: "config.json" | "model_config.json";
  readonly facts: Facts;
  /** A tensor's parts in the order of their ranks, by the framework's own name. */
  parts(name: string): readonly StoredBytes[];
}

export function openFiles(folder: string): CheckpointFiles {
  const isNanotron = existsSync(join(folder, "model_config.json"));
  const configName = isNanotron ? "model_config.json" : "config.json";
  const find = isNanotron ? nanotronParts : huggingFaceParts;
  const parts = (name: string) => {
    const found = find(folder, name);
    if (found.length === 0) throw new Error(`${folder}: no tensor ${name}`);
    return found;
  };
  const tp = isNanotron ? nanotronParts(folder, "model.token_position_embeddings.pp_block.token_embedding.weight").length : 1;
  const config = readJson(folder, configName);
  return {
    folder,
    configName,
    facts: { ...sizesOf(config), layout: isNanotron ? "nanotron" : "huggingface", tp, interleaved: config.rope_interleaved === true },
    parts,
  };
}

export const sizesOf = (config: Record<string, number>): NaiveModel => {
  const { hidden_size: hidden = 0, num_attention_heads: heads = 0, num_key_value_heads: kvHeads = 0 } = config;
  const { intermediate_size: ffn = 0, vocab_size: vocab = 0, num_hidden_layers: layers = 0 } = config;
  return { hidden, heads, kvHeads, headDim: hidden / heads, ffn, vocab, layers, tied: Boolean(config.tie_word_embeddings) };
};

const huggingFaceParts = (folder: string, name: string): StoredBytes[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".safetensors"))
    .flatMap((file) => stored(join(folder, file), name));

/** `a.b.weight` lies in `model/a/b/model_weight[_pp-rank-P-of-PP_tp-rank-T-of-TP].safetensors`, under the name `data`. */
function nanotronParts(folder: string, name: string): StoredBytes[] {
  const path = name.split(".");
  const leaf = path.pop();
  const parent = join(folder, "model", ...path);
  const rankOf = (file: string) => Number(/_tp-rank-(\d+)-of-/.exec(file)?.[1] ?? 0);
  const files = existsSync(parent) ? readdirSync(parent).filter((file) => file.startsWith(`model_${leaf}`)) : [];
  return files.sort((a, b) => rankOf(a) - rankOf(b)).flatMap((file) => stored(join(parent, file), "data"));
}

function stored(path: string, name: string): StoredBytes[] {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const entry = JSON.parse(file.toString("utf8", 8, start))[name];
  if (entry === undefined) return [];
  const [from, to] = entry.data_offsets.map((offset: number) => start + offset);
  const read = () => readFileSync(path).subarray(from, to);
  const write = (bytes: Uint8Array) => {
    if (bytes.length !== to - from) throw new Error(`${name}: expected ${to - from} bytes, found ${bytes.length}`);
    const whole = readFileSync(path);
    whole.set(bytes, from);
    writeFileSync(path, whole);
  };
  return [{ shape: entry.shape, dtype: entry.dtype, read, write }];
}
