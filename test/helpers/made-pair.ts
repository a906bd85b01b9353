// One small model written twice by hand: as transformers keeps a Llama, a Qwen2 or a SmolLM3, and as Nanotron does. Neither a plugin nor
// core has a part in it; the facts are those of the READMEs of plugins/qwen2, plugins/smollm3 and core/layout/nanotron.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode, nearest } from "./floats.js";
import { type RawTensor, writeTensors } from "./folders.js";
import { normal, uniform } from "./random.js";
import { type HandMadeParameter, writeParameter } from "./write-nanotron.js";

/** No two of them are equal, save hidden and heads times head size, which every model of both frameworks' has so. */
export const SIZES = { hidden: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 96, vocab: 80, layers: 3 };

export type Tensors = Map<string, RawTensor>;

export interface PairOptions {
  readonly family: "llama" | "qwen2" | "smollm3";
  readonly tp?: number;
  readonly interleaved?: boolean;
  readonly tied?: boolean;
  /** Change the Hugging Face tensors before either side is written. */
  readonly edit?: (tensors: Tensors) => void;
  /** Change Nanotron's parameters before they are written. */
  readonly rearrange?: (parameters: HandMadeParameter[], tensors: Tensors) => HandMadeParameter[];
}

export interface Pair {
  readonly huggingface: string;
  readonly nanotron: string;
  readonly tensors: Tensors;
}

/** @param fresh - gives a path where nothing is yet */
export function writePair(fresh: () => string, options: PairOptions): Pair {
  const { tp = 1, edit, rearrange = (parameters) => parameters } = options;
  const tensors = drawTensors(options);
  edit?.(tensors);
  const [huggingface, nanotron] = [fresh(), fresh()];
  mkdirSync(huggingface, { recursive: true });
  writeTensors(join(huggingface, "model.safetensors"), tensors);
  writeFileSync(join(huggingface, "config.json"), JSON.stringify(huggingFaceConfig(options)));
  mkdirSync(nanotron, { recursive: true });
  for (const parameter of rearrange(parametersOf(tensors, options), tensors)) writeParameter(nanotron, parameter, tp);
  writeFileSync(join(nanotron, "model_config.json"), JSON.stringify(nanotronConfig(options)));
  writeFileSync(join(nanotron, "checkpoint_metadata.json"), JSON.stringify({ version: "1.5", tp, dp: 1, cp: 1 }));
  return { huggingface, nanotron, tensors };
}

const shared = ({ tied = false }: PairOptions) => ({
  hidden_size: SIZES.hidden,
  intermediate_size: SIZES.ffn,
  num_hidden_layers: SIZES.layers,
  num_attention_heads: SIZES.heads,
  num_key_value_heads: SIZES.kvHeads,
  vocab_size: SIZES.vocab,
  max_position_embeddings: 128,
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  tie_word_embeddings: tied,
  bos_token_id: 1,
  eos_token_id: 2,
});

const huggingFaceConfig = (options: PairOptions) => ({
  architectures: [{ llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", smollm3: "SmolLM3ForCausalLM" }[options.family]],
  model_type: options.family,
  ...shared(options),
  ...(options.family === "qwen2" ? { use_sliding_window: false, sliding_window: 128, max_window_layers: 3 } : {}),
  ...(options.family === "smollm3" ? { use_sliding_window: false, sliding_window: null, no_rope_layers: [1, 1, 0] } : {}),
  torch_dtype: "bfloat16",
});

const nanotronConfig = (options: PairOptions) => ({
  ...shared(options),
  [`is_${options.family === "llama" ? "llama" : "qwen2"}_config`]: true,
  rope_interleaved: options.interleaved ?? false,
  rope_scaling: null,
  ...(options.family === "qwen2" ? { attention_bias: true, no_rope_layer: null, moe_config: null, _fused_rms_norm: true } : {}),
  ...(options.family === "smollm3" ? { attention_bias: false, no_rope_layer: 3, moe_config: null, _fused_rms_norm: true } : {}),
});

/** Weights that keep the size of what goes through them, norms around 1, biases as large as what they are added to. */
function drawTensors({ family, tied = false }: PairOptions): Tensors {
  const { hidden, heads, kvHeads, headDim, ffn, vocab, layers } = SIZES;
  const draw = normal(uniform(7));
  const tensors: Tensors = new Map();
  const add = (name: string, shape: number[]) => {
    const [mean, deviation] = name.endsWith("bias") ? [0, 1] : shape.length === 1 ? [1, 0.2] : [0, 1.5 / Math.sqrt(shape[1] ?? 1)];
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float64Array.from({ length: count }, () => nearest(mean + draw(deviation), "BF16"));
    tensors.set(name, { dtype: "BF16", shape, data: encode(values, "BF16") });
  };
  add("model.embed_tokens.weight", [vocab, hidden]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const rows = { q_proj: heads * headDim, k_proj: kvHeads * headDim, v_proj: kvHeads * headDim };
    for (const [name, size] of Object.entries(rows)) {
      add(`${at}.self_attn.${name}.weight`, [size, hidden]);
      if (family === "qwen2") add(`${at}.self_attn.${name}.bias`, [size]);
    }
    add(`${at}.self_attn.o_proj.weight`, [hidden, heads * headDim]);
    add(`${at}.mlp.gate_proj.weight`, [ffn, hidden]);
    add(`${at}.mlp.up_proj.weight`, [ffn, hidden]);
    add(`${at}.mlp.down_proj.weight`, [hidden, ffn]);
    add(`${at}.input_layernorm.weight`, [hidden]);
    add(`${at}.post_attention_layernorm.weight`, [hidden]);
  }
  add("model.norm.weight", [hidden]);
  if (!tied) add("lm_head.weight", [vocab, hidden]);
  return tensors;
}

function parametersOf(tensors: Tensors, { family, interleaved = false, tied = false }: PairOptions): HandMadeParameter[] {
  const get = (name: string) => tensors.get(name) as RawTensor;
  const rotary = (name: string) => (interleaved ? interleave(get(name)) : get(name));
  const one = (name: string, from: string, axis?: 0 | 1): HandMadeParameter => ({
    name: `model.${name}`,
    whole: get(from),
    ...(axis === undefined ? {} : { axis }),
  });
  const joined = (name: string, parts: RawTensor[]): HandMadeParameter => ({
    name: `model.${name}`,
    whole: stack(parts),
    axis: 0,
    chunks: parts.map(({ shape }) => shape[0] ?? 0),
  });
  const layers = Array.from({ length: SIZES.layers }, (_, layer) => {
    const [from, to] = [`model.layers.${layer}`, `decoder.${layer}.pp_block`];
    const qkv = (leaf: string) => {
      const [q, k, v] = ["q", "k", "v"].map((part) => `${from}.self_attn.${part}_proj.${leaf}`) as [string, string, string];
      return joined(`${to}.attn.qkv_proj.${leaf}`, [rotary(q), rotary(k), get(v)]);
    };
    return [
      qkv("weight"),
      ...(family === "qwen2" ? [qkv("bias")] : []),
      one(`${to}.attn.o_proj.weight`, `${from}.self_attn.o_proj.weight`, 1),
      joined(`${to}.mlp.gate_up_proj.weight`, [get(`${from}.mlp.gate_proj.weight`), get(`${from}.mlp.up_proj.weight`)]),
      one(`${to}.mlp.down_proj.weight`, `${from}.mlp.down_proj.weight`, 1),
      one(`${to}.input_layernorm.weight`, `${from}.input_layernorm.weight`),
      one(`${to}.post_attention_layernorm.weight`, `${from}.post_attention_layernorm.weight`),
    ];
  });
  return [
    one("token_position_embeddings.pp_block.token_embedding.weight", "model.embed_tokens.weight", 0),
    ...layers.flat(),
    one("final_layer_norm.pp_block.weight", "model.norm.weight"),
    ...(tied ? [] : [one("lm_head.pp_block.weight", "lm_head.weight", 0)]),
  ];
}

export const stack = (parts: readonly RawTensor[]): RawTensor => ({
  dtype: parts[0]?.dtype ?? "BF16",
  shape: [parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0), ...(parts[0]?.shape.slice(1) ?? [])],
  data: Buffer.concat(parts.map(({ data }) => data)),
});

/** Pair p of half h moves from p + h·d/2 to 2p + h, in each head. */
function interleave({ dtype, shape, data }: RawTensor): RawTensor {
  const rowBytes = data.length / (shape[0] ?? 1);
  const half = SIZES.headDim / 2;
  const moved = Buffer.alloc(data.length);
  for (let row = 0; row < (shape[0] ?? 0); row++) {
    const within = row % SIZES.headDim;
    const to = row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    data.copy(moved, to * rowBytes, row * rowBytes, (row + 1) * rowBytes);
  }
  return { dtype, shape, data: moved };
}

/** A matrix of 2-byte elements with its axes exchanged. */
export function transposed({ dtype, shape, data }: RawTensor): RawTensor {
  const [rows = 0, columns = 0] = shape;
  const turned = Buffer.alloc(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned.writeUInt16LE(data.readUInt16LE((row * columns + column) * 2), (column * rows + row) * 2);
  return { dtype, shape: [columns, rows], data: turned };
}
