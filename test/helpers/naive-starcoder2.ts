// Starcoder2's forward in float64, loop by loop, from transformers' class as plugins/starcoder2/README.md has it: the outside check of
// both forwards.

import type { RawTensor } from "./folders.js";
import type { Tensors } from "./made-pair.js";
import { EPSILON, SIZES, THETA } from "./made-starcoder2.js";
import { dot, type Rows, rowsOf } from "./naive-qwen2.js";

const { heads, kvHeads, headDim, layers } = SIZES;

const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const rotate = (x: Rows): Rows =>
  x.map((row, position) =>
    row.map((value, at) => {
      const [within, half] = [at % headDim, headDim / 2];
      const angle = position * THETA ** ((-2 * (within % half)) / headDim);
      const other = within < half ? -(row[at + half] ?? 0) : (row[at - half] ?? 0);
      return value * Math.cos(angle) + other * Math.sin(angle);
    }),
  );

/** @param window - tokens that a token sees, itself included */
const attend = (q: Rows, k: Rows, v: Rows, window: number): Rows =>
  q.map((row, position) =>
    row.map((_, at) => {
      const head = Math.floor(at / headDim);
      const from = Math.floor(head / (heads / kvHeads)) * headDim;
      const query = row.slice(head * headDim, (head + 1) * headDim);
      let [sum, total] = [0, 0];
      for (let other = 0; other <= position; other++) {
        if (position - other >= window) continue;
        const power = Math.exp(dot(query, k[other]?.slice(from, from + headDim) ?? []) / Math.sqrt(headDim));
        total += power;
        sum += power * (v[other]?.[from + (at % headDim)] ?? 0);
      }
      return sum / total;
    }),
  );

const add = (a: Rows, b: Rows): Rows => a.map((row, at) => row.map((value, column) => value + (b[at]?.[column] ?? 0)));

/**
 * @param windowOf - a layer's window
 * @returns logits [T, V]
 */
export function naiveStarcoder2(tensors: Tensors, tokens: readonly number[], windowOf: (layer: number) => number): Rows {
  const get = (name: string): Rows => rowsOf(tensors.get(name) as RawTensor);
  const linear = (x: Rows, name: string): Rows => {
    const [weight, [bias = []]] = [get(`${name}.weight`), get(`${name}.bias`)];
    return x.map((row) => weight.map((line, out) => dot(row, line) + (bias[out] ?? 0)));
  };
  const norm = (x: Rows, name: string): Rows => {
    const [[weight = []], [bias = []]] = [get(`${name}.weight`), get(`${name}.bias`)];
    return x.map((row) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      return row.map((value, at) => ((value - mean) / Math.sqrt(variance + EPSILON)) * (weight[at] ?? 0) + (bias[at] ?? 0));
    });
  };
  const table = get("model.embed_tokens.weight");
  let x: Rows = tokens.map((token) => table[token] ?? []);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, `${at}.input_layernorm`);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(h, `${at}.self_attn.${name}`)) as [Rows, Rows, Rows];
    x = add(x, linear(attend(rotate(q), rotate(k), v, windowOf(layer)), `${at}.self_attn.o_proj`));
    const wide = linear(norm(x, `${at}.post_attention_layernorm`), `${at}.mlp.c_fc`);
    x = add(
      x,
      linear(
        wide.map((row) => row.map(gelu)),
        `${at}.mlp.c_proj`,
      ),
    );
  }
  return norm(x, "model.norm").map((row) => table.map((line) => dot(row, line)));
}
