// A Hugging Face checkpoint of any size with headers only: sparse files hold its data. Shapes and shards as transformers writes them.

import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface Widths {
  readonly hidden: number;
  readonly ffn: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocab: number;
}

const SHARD_BYTES = 5e9;

/** @returns the number of shards, and the bytes of all tensors */
export function writeSparseModel(
  folder: string,
  { hidden, ffn, layers, heads, kvHeads, vocab }: Widths,
  shardBytes = SHARD_BYTES,
): { shards: number; totalBytes: number } {
  const headDim = hidden / heads;
  const tensors: [string, number[]][] = [["model.embed_tokens.weight", [vocab, hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.`;
    tensors.push(
      [`${at}self_attn.q_proj.weight`, [heads * headDim, hidden]],
      [`${at}self_attn.k_proj.weight`, [kvHeads * headDim, hidden]],
    );
    tensors.push(
      [`${at}self_attn.v_proj.weight`, [kvHeads * headDim, hidden]],
      [`${at}self_attn.o_proj.weight`, [hidden, heads * headDim]],
    );
    tensors.push(
      [`${at}mlp.gate_proj.weight`, [ffn, hidden]],
      [`${at}mlp.up_proj.weight`, [ffn, hidden]],
      [`${at}mlp.down_proj.weight`, [hidden, ffn]],
    );
    tensors.push([`${at}input_layernorm.weight`, [hidden]], [`${at}post_attention_layernorm.weight`, [hidden]]);
  }
  tensors.push(["model.norm.weight", [hidden]], ["lm_head.weight", [vocab, hidden]]);
  const bytes = (shape: number[]) => shape.reduce((a, b) => a * b, 2);
  const shards: [string, number[]][][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled + bytes(tensor[1]) > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += bytes(tensor[1]);
  }
  mkdirSync(folder, { recursive: true });
  const five = (number: number) => String(number).padStart(5, "0");
  const weightMap: Record<string, string> = {};
  let totalBytes = 0;
  shards.forEach((shard, index) => {
    const name = `model-${five(index + 1)}-of-${five(shards.length)}.safetensors`;
    let offset = 0;
    const entries = shard.map(([tensor, shape]) => {
      const start = offset;
      offset += bytes(shape);
      weightMap[tensor] = name;
      return [tensor, { dtype: "BF16", shape, data_offsets: [start, offset] }];
    });
    totalBytes += offset;
    const header = Buffer.from(JSON.stringify(Object.fromEntries([["__metadata__", { format: "pt" }], ...entries])));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    const file = openSync(join(folder, name), "w");
    writeSync(file, Buffer.concat([prefix, header]));
    ftruncateSync(file, 8 + header.length + offset);
    closeSync(file);
  });
  writeFileSync(
    join(folder, "model.safetensors.index.json"),
    JSON.stringify({ metadata: { total_size: totalBytes }, weight_map: weightMap }),
  );
  const config = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: hidden,
    intermediate_size: ffn,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    vocab_size: vocab,
  };
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({
      ...config,
      hidden_act: "silu",
      rms_norm_eps: 1e-5,
      rope_theta: 500000,
      rope_scaling: null,
      tie_word_embeddings: false,
      max_position_embeddings: 8192,
      torch_dtype: "bfloat16",
      bos_token_id: 128000,
      eos_token_id: 128001,
    }),
  );
  return { shards: shards.length, totalBytes };
}
