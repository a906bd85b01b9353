// A small Llama checkpoint of any shape with seeded random bytes, in Hugging Face's layout.

import type { Store } from "../../core/store/store.js";
import type { NaiveModel } from "./naive-nanotron.js";

export type TestDtype = "BF16" | "F16" | "F32" | "F64" | "F8_E4M3";

/** mulberry32: small, seeded, good enough to make every element different. */
export function randomBytes(byteLength: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  let state = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    words[i] = value ^ (value >>> 14);
  }
  return new Uint8Array(words.buffer, 0, byteLength);
}

export function shapesOf({ hidden, heads, kvHeads, headDim, ffn, vocab, layers, tied }: NaiveModel): [string, number[]][] {
  const shapes: [string, number[]][] = [["model.embed_tokens.weight", [vocab, hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.push(
      [`${at}.self_attn.q_proj.weight`, [heads * headDim, hidden]],
      [`${at}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]],
      [`${at}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]],
      [`${at}.self_attn.o_proj.weight`, [hidden, heads * headDim]],
      [`${at}.mlp.gate_proj.weight`, [ffn, hidden]],
      [`${at}.mlp.up_proj.weight`, [ffn, hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, ffn]],
      [`${at}.input_layernorm.weight`, [hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
    );
  }
  shapes.push(["model.norm.weight", [hidden]]);
  if (!tied) shapes.push(["lm_head.weight", [vocab, hidden]]);
  return shapes;
}

export const configOf = ({ hidden, heads, kvHeads, ffn, vocab, layers, tied }: NaiveModel): Record<string, unknown> => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: hidden,
  intermediate_size: ffn,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  vocab_size: vocab,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: tied,
  bos_token_id: 0,
  eos_token_id: 1,
});

const ITEM = { BF16: 2, F16: 2, F32: 4, F64: 8, F8_E4M3: 1 } as const;

/** @returns each tensor's bytes by name */
export async function writeRandomLlama(
  store: Store,
  folder: string,
  model: NaiveModel,
  dtype: TestDtype,
  seed: number,
): Promise<Map<string, Uint8Array>> {
  const tensors = new Map<string, Uint8Array>();
  const entries: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const [name, shape] of shapesOf(model).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = randomBytes(
      shape.reduce((product, size) => product * size, ITEM[dtype]),
      seed + tensors.size,
    );
    tensors.set(name, bytes);
    entries[name] = { dtype, shape, data_offsets: [offset, offset + bytes.byteLength] };
    offset += bytes.byteLength;
  }
  const json = JSON.stringify(entries);
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  const weights = await store.create(`${folder}/model.safetensors`);
  await weights.write(Buffer.concat([prefix, header, ...tensors.values()]), 0);
  await weights.close();
  const config = await store.create(`${folder}/config.json`);
  await config.write(new TextEncoder().encode(JSON.stringify(configOf(model))), 0);
  await config.close();
  return tensors;
}
