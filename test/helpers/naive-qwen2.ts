// Qwen2's forward in float64, loop by loop, from transformers' class as plugins/qwen2/README.md has it: the outside check of both
// forwards, and of SmolLM3's, which is the same without biases and in some layers without rotation. T tokens · H hidden · A heads · K key/value heads · D head size.

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

/** Of a model with experts. */
export interface NaiveRouting {
  readonly experts: number;
  readonly perToken: number;
  /** A token's weights divided by their sum. */
  readonly normalize?: boolean;
  /** A token's only expert counts whole, as in Nanotron. */
  readonly unweighed?: boolean;
}

export interface Layers {
  /** Tokens that one sees in a layer, itself included; all before it by default. */
  readonly window?: (layer: number) => number;
  /** Whether a layer's queries and keys are rotated; they are by default. */
  readonly rotates?: (layer: number) => boolean;
  /** Where each layer's feed-forward is experts and a shared one, as plugins/qwen2-moe/README.md has them. */
  readonly routing?: NaiveRouting;
}

/** @returns logits [T, V] */
export function naiveQwen2(
  tensors: Tensors,
  tokens: readonly number[],
  { window = () => Number.POSITIVE_INFINITY, rotates = () => true, routing }: Layers = {},
): Rows {
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
  const attend = (q: Rows, k: Rows, v: Rows, width: number): Rows =>
    q.map((row, position) =>
      row.map((_, at) => {
        const head = Math.floor(at / headDim);
        const from = Math.floor(head / (heads / kvHeads)) * headDim;
        const query = row.slice(head * headDim, (head + 1) * headDim);
        const seen = k.slice(0, position + 1).map((_key, other) => position - other < width);
        const scores = seen.map((_seen, other) => dot(query, (k[other] ?? []).slice(from, from + headDim)) / Math.sqrt(headDim));
        const powers = scores.map((score, other) => (seen[other] ? Math.exp(score - Math.max(...scores)) : 0));
        const total = powers.reduce((sum, power) => sum + power, 0);
        return powers.reduce((sum, power, other) => sum + (power / total) * (v[other]?.[from + (at % headDim)] ?? 0), 0);
      }),
    );
  const add = (a: Rows, b: Rows): Rows => a.map((row, at) => row.map((value, column) => value + (b[at]?.[column] ?? 0)));
  const gated = (m: Rows, at: string): Rows => {
    const [gate, up] = [linear(m, `${at}.gate_proj`), linear(m, `${at}.up_proj`)];
    const active = gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * (up[t]?.[i] ?? 0)));
    return linear(active, `${at}.down_proj`);
  };
  /** Every expert for every token; those that are not a token's own count nothing. */
  const sparse = (m: Rows, at: string, { experts, perToken, normalize, unweighed }: NaiveRouting): Rows => {
    const outputs = Array.from({ length: experts }, (_, expert) => gated(m, `${at}.experts.${expert}`));
    const shared = gated(m, `${at}.shared_expert`);
    const gates = linear(m, `${at}.shared_expert_gate`);
    return linear(m, `${at}.gate`).map((logits, t) => {
      const powers = logits.map((logit) => Math.exp(logit));
      const total = powers.reduce((sum, power) => sum + power, 0);
      const least = [...powers].sort((a, b) => b - a)[perToken - 1] ?? 0;
      const chosen = powers.map((power) => (power >= least ? power / total : 0));
      const sum = normalize === true ? chosen.reduce((a, b) => a + b, 0) : 1;
      const weights = chosen.map((probability) => (unweighed === true ? Math.sign(probability) : probability / sum));
      const share = 1 / (1 + Math.exp(-(gates[t]?.[0] ?? 0)));
      return (shared[t] ?? []).map((value, i) =>
        weights.reduce((mix, weight, e) => mix + weight * (outputs[e]?.[t]?.[i] ?? 0), share * value),
      );
    });
  };
  const table = get("model.embed_tokens.weight");
  let x: Rows = tokens.map((token) => table[token] ?? []);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, `${at}.input_layernorm.weight`);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(h, `${at}.self_attn.${name}`)) as [Rows, Rows, Rows];
    const turned = rotates(layer) ? rotate : (rows: Rows) => rows;
    x = add(x, linear(attend(turned(q), turned(k), v, window(layer)), `${at}.self_attn.o_proj`));
    const m = norm(x, `${at}.post_attention_layernorm.weight`);
    x = add(x, routing === undefined ? gated(m, `${at}.mlp`) : sparse(m, `${at}.mlp`, routing));
  }
  return linear(norm(x, "model.norm.weight"), has("lm_head.weight") ? "lm_head" : "model.embed_tokens");
}
