// Writes a tiny random Mistral checkpoint, as transformers would: config.json and one safetensors file. Seeded, so that it is
// the same on every machine.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SIZES = { hidden: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 128, vocab: 256, layers: 2 };
const SEED = 20260401;

/** Every key that transformers 5 writes for a MistralConfig of this size. */
const CONFIG = {
  architectures: ["MistralForCausalLM"],
  attention_dropout: 0,
  bos_token_id: 1,
  dtype: "bfloat16",
  eos_token_id: 2,
  head_dim: SIZES.headDim,
  hidden_act: "silu",
  hidden_size: SIZES.hidden,
  initializer_range: 0.02,
  intermediate_size: SIZES.ffn,
  max_position_embeddings: 4096,
  model_type: "mistral",
  num_attention_heads: SIZES.heads,
  num_hidden_layers: SIZES.layers,
  num_key_value_heads: SIZES.kvHeads,
  pad_token_id: null,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 1000000, rope_type: "default" },
  sliding_window: null as number | null,
  tie_word_embeddings: false,
  use_cache: true,
  vocab_size: SIZES.vocab,
};

/** @param slidingWindow - positions that a token attends to; null for all, which is all that Nanotron's Llama can do */
export function writeMistral(folder: string, slidingWindow: number | null): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...CONFIG, sliding_window: slidingWindow }, null, 2));
  writeFileSync(join(folder, "model.safetensors"), safetensors(tensorShapes()));
}

function tensorShapes(): [name: string, shape: number[]][] {
  const { hidden, heads, kvHeads, headDim, ffn, vocab, layers } = SIZES;
  const layer = (index: number): [string, number[]][] => {
    const at = `model.layers.${index}`;
    return [
      [`${at}.input_layernorm.weight`, [hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, ffn]],
      [`${at}.mlp.gate_proj.weight`, [ffn, hidden]],
      [`${at}.mlp.up_proj.weight`, [ffn, hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
      [`${at}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]],
      [`${at}.self_attn.o_proj.weight`, [hidden, heads * headDim]],
      [`${at}.self_attn.q_proj.weight`, [heads * headDim, hidden]],
      [`${at}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]],
    ];
  };
  return [
    ["lm_head.weight", [vocab, hidden]],
    ["model.embed_tokens.weight", [vocab, hidden]],
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ["model.norm.weight", [hidden]],
  ];
}

/** A file of bfloat16 tensors: the header's length, the header, the bytes. */
function safetensors(shapes: readonly [string, number[]][]): Buffer {
  let end = 0;
  const entries = shapes.map(([name, shape]) => {
    const start = end;
    end += shape.reduce((product, size) => product * size, 2);
    return [name, { dtype: "BF16", shape, data_offsets: [start, end] }];
  });
  const json = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8)); // ASCII: characters are bytes
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, randomBfloat16(end / 2)]);
}

/** Values between -0.5 and 0.5: the upper half of a float32 is a bfloat16. */
function randomBfloat16(count: number): Buffer {
  const bytes = Buffer.alloc(2 * count);
  const float = Buffer.alloc(4);
  let state = SEED;
  for (let at = 0; at < count; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    float.writeFloatLE(state / 2 ** 32 - 0.5);
    float.copy(bytes, 2 * at, 2, 4);
  }
  return bytes;
}
