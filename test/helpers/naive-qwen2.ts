// Qwen2's forward in float64, loop by loop, from transformers' class as plugins/qwen2/README.md has it: the outside check of both
// forwards. T tokens · H hidden · A heads · K key/value heads · D head size.

import type { RawTensor } from "./folders.js";
import { SIZES, type Tensors } from "./made-pair.js";

export type Rows = number[][];

const THETA = 1000000;
const EPSILON = 1e-6;

function bf16(data: Buffer, at: number): number {
  const word = Buffer.alloc(4);
  word.writeUInt16LE(data.readUInt16LE(at * 2), 2);
  return word.readFloatLE(0);
}

/** A vector is one row. */
export function rowsOf({ shape, data }: RawTensor): Rows {
  const columns = shape.at(-1) ?? 1;
  const rows = shape.length === 1 ? 1 : (shape[0] ?? 1);
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) => bf16(data, row * columns + column)));
}

export const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

/** @returns logits [T, V] */
export function naiveQwen2(tensors: Tensors, tokens: readonly number[]): Rows {
  const { heads, kvHeads, headDim, layers } = SIZES;
  const get = (name: string): Rows => rowsOf(tensors.get(name) as RawTensor);
  const has = (name: string): boolean => tensors.has(name);
  const linear = (x: Rows, name: string): Rows => {
    const weight = get(`${name}.weight`);
    const bias = has(`${name}.bias`) ? (get(`${name}.bias`)[0] ?? []) : [];
    return x.map((row) => weight.map((line, out) => dot(row, line) + (bias[out] ?? 0)));
  };
  const norm = (x: Rows, name: string): Rows => {
    const [weight = []] = get(name);
    return x.map((row) => row.map((value, at) => ((weight[at] ?? 0) * value) / Math.sqrt(dot(row, row) / row.length + EPSILON)));
  };
  const rotate = (x: Rows): Rows =>
    x.map((row, position) =>
      row.map((value, at) => {
        const [within, half] = [at % headDim, headDim / 2];
        const angle = position * THETA ** ((-2 * (within % half)) / headDim);
        const other = within < half ? -(row[at + half] ?? 0) : (row[at - half] ?? 0);
        return value * Math.cos(angle) + other * Math.sin(angle);
      }),
    );
  const attend = (q: Rows, k: Rows, v: Rows): Rows =>
    q.map((row, position) =>
      row.map((_, at) => {
        const head = Math.floor(at / headDim);
        const from = Math.floor(head / (heads / kvHeads)) * headDim;
        const query = row.slice(head * headDim, (head + 1) * headDim);
        const scores = k.slice(0, position + 1).map((key) => dot(query, key.slice(from, from + headDim)) / Math.sqrt(headDim));
        const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
        const total = powers.reduce((sum, power) => sum + power, 0);
        return powers.reduce((sum, power, other) => sum + (power / total) * (v[other]?.[from + (at % headDim)] ?? 0), 0);
      }),
    );
  const add = (a: Rows, b: Rows): Rows => a.map((row, at) => row.map((value, column) => value + (b[at]?.[column] ?? 0)));
  const table = get("model.embed_tokens.weight");
  let x: Rows = tokens.map((token) => table[token] ?? []);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, `${at}.input_layernorm.weight`);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(h, `${at}.self_attn.${name}`)) as [Rows, Rows, Rows];
    x = add(x, linear(attend(rotate(q), rotate(k), v), `${at}.self_attn.o_proj`));
    const m = norm(x, `${at}.post_attention_layernorm.weight`);
    const [gate, up] = [linear(m, `${at}.mlp.gate_proj`), linear(m, `${at}.mlp.up_proj`)];
    const active = gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * (up[t]?.[i] ?? 0)));
    x = add(x, linear(active, `${at}.mlp.down_proj`));
  }
  return linear(norm(x, "model.norm.weight"), has("lm_head.weight") ? "lm_head" : "model.embed_tokens");
}
