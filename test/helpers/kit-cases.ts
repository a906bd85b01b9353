// What the kit is tried on: a small Llama, and a family of its own without forwards.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ValidCase } from "../../core/testing/architecture-tester.js";

export const model: ValidCase = {
  name: "small",
  config: {
    model_type: "llama",
    hidden_size: 32,
    intermediate_size: 48,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    num_hidden_layers: 1,
    vocab_size: 40,
    torch_dtype: "bfloat16",
  },
};

/** A family's declaration of its own, in a folder. */
export function writeFamily(folder: string, name: string, edit: (yaml: string) => string = (yaml) => yaml): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "plugin.yaml"),
    edit(`name: ${name}
identify: { huggingface: { model_type: ${name} }, nanotron: { is_${name}_config: true } }
dimensions: { hidden: hidden_size, heads: num_attention_heads, head_dim: { setting: head_dim, default: hidden / heads }, layers: num_hidden_layers }
settings:
  hidden_size: { type: integer }
  num_attention_heads: { type: integer }
  head_dim: { type: integer, default: { dimension: head_dim }, in: huggingface }
  num_hidden_layers: { type: integer }
  rope_theta: { type: float, default: 10000.0 }
  rope_interleaved: { type: boolean, default: false, in: nanotron }
  max_position_embeddings: { type: integer, default: 64 }
constants: { huggingface: { model_type: ${name} }, nanotron: { is_${name}_config: true } }
blocks:
  - name: decoder
    repeat: { index: layer, count: layers }
    parameters:
      - nanotron: "model.{layer}.in.weight"
        parallel: column
        huggingface: { tensor: "layers.{layer}.in.weight", shape: (heads head_dim) hidden, rotary: true }
      - nanotron: "model.{layer}.in.bias"
        parallel: column
        huggingface: { tensor: "layers.{layer}.in.bias", shape: (heads head_dim), rotary: true }
      - nanotron: "model.{layer}.out.weight"
        huggingface: { tensor: "layers.{layer}.out.weight", shape: hidden hidden, transpose: true }
`),
  );
  return folder;
}

export const familyConfig = (name: string, headDim = 8) => ({
  model_type: name,
  hidden_size: 4 * headDim,
  num_attention_heads: 4,
  num_hidden_layers: 1,
  torch_dtype: "bfloat16",
});

export const mapping = {
  "model.0.in.weight": "column: layers.0.in.weight rotary",
  "model.0.in.bias": "column: layers.0.in.bias rotary",
  "model.0.out.weight": "whole: layers.0.out.weight transpose",
};

/** The family's blocks cost nothing. */
export const costs = { decoder: 0 };
