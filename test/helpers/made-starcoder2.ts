// One small Starcoder2 written twice by hand: as transformers keeps it, and as Nanotron does. Neither a plugin nor core has a part in
// it; the facts are those of plugins/starcoder2/README.md and core/layout/nanotron/README.md.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode, nearest } from "./floats.js";
import { type RawTensor, writeTensors } from "./folders.js";
import type { Pair, Tensors } from "./made-pair.js";
import { type GroupedRow, groupedRows } from "./naive-grouped.js";
import { normal, uniform } from "./random.js";
import { type HandMadeParameter, writeParameter } from "./write-nanotron.js";

/** No two of them are equal, save hidden and heads times head size, which Nanotron has so. */
export const SIZES = { hidden: 48, heads: 6, kvHeads: 2, headDim: 8, ffn: 100, vocab: 70, layers: 3 };

export const THETA = 100000;
export const EPSILON = 1e-5;

export interface Starcoder2Options {
  readonly tp?: number;
  /** Tokens that a token sees, itself included; all when not given. */
  readonly window?: number;
  /** Put the rows of q, k and v into another order than group by group. */
  readonly order?: (rows: GroupedRow[]) => GroupedRow[];
}

/** @param fresh - gives a path where nothing is yet */
export function writeStarcoder2(fresh: () => string, options: Starcoder2Options): Pair {
  const { tp = 1, order = (rows) => rows } = options;
  const tensors = drawTensors();
  const [huggingface, nanotron] = [fresh(), fresh()];
  mkdirSync(huggingface, { recursive: true });
  writeTensors(join(huggingface, "model.safetensors"), tensors);
  writeFileSync(join(huggingface, "config.json"), JSON.stringify(huggingFaceConfig(options)));
  mkdirSync(nanotron, { recursive: true });
  for (const parameter of parametersOf(tensors, order)) writeParameter(nanotron, parameter, tp);
  writeFileSync(join(nanotron, "model_config.json"), JSON.stringify(nanotronConfig(options)));
  writeFileSync(join(nanotron, "checkpoint_metadata.json"), JSON.stringify({ version: "1.5", tp, dp: 1, cp: 1 }));
  return { huggingface, nanotron, tensors };
}

const shared = {
  hidden_size: SIZES.hidden,
  intermediate_size: SIZES.ffn,
  num_hidden_layers: SIZES.layers,
  num_attention_heads: SIZES.heads,
  vocab_size: SIZES.vocab,
  max_position_embeddings: 128,
  initializer_range: 0.02,
  bos_token_id: 1,
  eos_token_id: 2,
  rope_theta: THETA,
};

const huggingFaceConfig = ({ window = null }: { window?: number | null }) => ({
  architectures: ["Starcoder2ForCausalLM"],
  model_type: "starcoder2",
  ...shared,
  num_key_value_heads: SIZES.kvHeads,
  hidden_act: "gelu_pytorch_tanh",
  norm_epsilon: EPSILON,
  sliding_window: window,
  attention_dropout: 0.1,
  residual_dropout: 0.1,
  embedding_dropout: 0.1,
  use_bias: true,
  torch_dtype: "bfloat16",
});

/** Nanotron's dataclass of checkpoint version 1.5, every field of it. */
const nanotronConfig = ({ window = null }: { window?: number | null }) => ({
  ...shared,
  activation_function: "gelu_pytorch_tanh",
  attention_softmax_in_fp32: true,
  attn_pdrop: 0.1,
  embd_pdrop: 0.1,
  global_attn_layers: [],
  grouped_query: true,
  is_starcoder2_config: true,
  layer_norm_epsilon: EPSILON,
  multi_query: false,
  num_kv_heads: SIZES.kvHeads,
  resid_pdrop: 0.1,
  scale_attention_softmax_in_fp32: true,
  scale_attn_weights: true,
  sliding_window_size: window,
  use_position_embeddings: false,
  use_rotary_embeddings: true,
  _attn_implementation: "flash_attention_2",
});

/** Weights that keep the size of what goes through them, norms around 1, biases as large as what they are added to. */
function drawTensors(): Tensors {
  const { hidden, heads, kvHeads, headDim, ffn, vocab, layers } = SIZES;
  const draw = normal(uniform(11));
  const tensors: Tensors = new Map();
  const add = (name: string, shape: number[], mean: number, deviation: number) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float64Array.from({ length: count }, () => nearest(mean + draw(deviation), "BF16"));
    tensors.set(name, { dtype: "BF16", shape, data: encode(values, "BF16") });
  };
  const addLinear = (name: string, rows: number, columns: number) => {
    add(`${name}.weight`, [rows, columns], 0, 1.5 / Math.sqrt(columns));
    add(`${name}.bias`, [rows], 0, 1);
  };
  const addNorm = (name: string) => {
    add(`${name}.weight`, [hidden], 1, 0.2);
    add(`${name}.bias`, [hidden], 0, 0.5);
  };
  add("model.embed_tokens.weight", [vocab, hidden], 0, 1);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    addLinear(`${at}.self_attn.q_proj`, heads * headDim, hidden);
    addLinear(`${at}.self_attn.k_proj`, kvHeads * headDim, hidden);
    addLinear(`${at}.self_attn.v_proj`, kvHeads * headDim, hidden);
    addLinear(`${at}.self_attn.o_proj`, hidden, heads * headDim);
    addLinear(`${at}.mlp.c_fc`, ffn, hidden);
    addLinear(`${at}.mlp.c_proj`, hidden, ffn);
    addNorm(`${at}.input_layernorm`);
    addNorm(`${at}.post_attention_layernorm`);
  }
  addNorm("model.norm");
  return tensors;
}

type Order = NonNullable<Starcoder2Options["order"]>;

function parametersOf(tensors: Tensors, order: Order): HandMadeParameter[] {
  const get = (name: string) => tensors.get(name) as RawTensor;
  const one = (name: string, from: string, axis?: 0 | 1): HandMadeParameter => ({
    name: `model.${name}`,
    whole: get(from),
    ...(axis === undefined ? {} : { axis }),
  });
  const layers = Array.from({ length: SIZES.layers }, (_, layer) => {
    const [from, to] = [`model.layers.${layer}`, `decoder.${layer}.pp_block`];
    return ["weight", "bias"].flatMap((leaf): HandMadeParameter[] => [
      { name: `model.${to}.attn.query_key_value.${leaf}`, whole: groupedQkv(tensors, layer, leaf, order), axis: 0 },
      one(`${to}.attn.dense.${leaf}`, `${from}.self_attn.o_proj.${leaf}`, leaf === "weight" ? 1 : undefined),
      one(`${to}.ff.c_fc.${leaf}`, `${from}.mlp.c_fc.${leaf}`, 0),
      one(`${to}.ff.c_proj.${leaf}`, `${from}.mlp.c_proj.${leaf}`, leaf === "weight" ? 1 : undefined),
      one(`${to}.ln_1.${leaf}`, `${from}.input_layernorm.${leaf}`),
      one(`${to}.ln_2.${leaf}`, `${from}.post_attention_layernorm.${leaf}`),
    ]);
  });
  return [
    one("token_embeddings.pp_block.token_embedding.weight", "model.embed_tokens.weight", 0),
    ...layers.flat(),
    one("final_layer_norm.pp_block.weight", "model.norm.weight"),
    one("final_layer_norm.pp_block.bias", "model.norm.bias"),
  ];
}

/** The rows, or the bias' elements, of all groups, one after another. */
function groupedQkv(tensors: Tensors, layer: number, leaf: string, order: Order): RawTensor {
  const of = (part: string) => tensors.get(`model.layers.${layer}.self_attn.${part}_proj.${leaf}`) as RawTensor;
  const rows = order(groupedRows(SIZES, 0, 1, false)).map(({ tensor, row }) => {
    const { shape, data } = of(tensor);
    const rowBytes = data.length / (shape[0] ?? 1);
    return data.subarray(row * rowBytes, (row + 1) * rowBytes);
  });
  return { dtype: "BF16", shape: [rows.length, ...of("q").shape.slice(1)], data: Buffer.concat(rows) };
}
