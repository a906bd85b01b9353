// Config files of Qwen2 and Qwen2.5 models, as found in public copies of their own config.json (each plugin.yaml says where), and
// small ones.

import type { ModelCase } from "../../core/testing/architecture-tester.js";

const common = {
  architectures: ["Qwen2ForCausalLM"],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151643,
  hidden_act: "silu",
  initializer_range: 0.02,
  model_type: "qwen2",
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
};

const model = (name: string, config: ModelCase["config"]): ModelCase => ({ name, config: { ...common, ...config } });

export const published = {
  "0.5b": [
    model("Qwen2-0.5B", {
      hidden_size: 896,
      intermediate_size: 4864,
      max_position_embeddings: 131072,
      max_window_layers: 24,
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      sliding_window: 131072,
      tie_word_embeddings: true,
      transformers_version: "4.40.1",
      vocab_size: 151936,
    }),
    model("Qwen2.5-0.5B-Instruct", {
      eos_token_id: 151645,
      hidden_size: 896,
      intermediate_size: 4864,
      max_position_embeddings: 32768,
      max_window_layers: 21,
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      rope_scaling: null,
      sliding_window: 32768,
      tie_word_embeddings: true,
      vocab_size: 151936,
    }),
  ],
  "1.5b": [
    model("Qwen2-1.5B", {
      hidden_size: 1536,
      intermediate_size: 8960,
      max_position_embeddings: 131072,
      max_window_layers: 28,
      num_attention_heads: 12,
      num_hidden_layers: 28,
      num_key_value_heads: 2,
      sliding_window: 131072,
      tie_word_embeddings: true,
      vocab_size: 151936,
    }),
    {
      name: "Qwen2.5-1.5B-Instruct, as transformers 5 writes it",
      config: {
        architectures: ["Qwen2ForCausalLM"],
        attention_dropout: 0.0,
        bos_token_id: 151643,
        dtype: "bfloat16",
        eos_token_id: 151645,
        hidden_act: "silu",
        hidden_size: 1536,
        initializer_range: 0.02,
        intermediate_size: 8960,
        layer_types: Array.from({ length: 28 }, () => "full_attention"),
        max_position_embeddings: 32768,
        max_window_layers: 21,
        model_type: "qwen2",
        num_attention_heads: 12,
        num_hidden_layers: 28,
        num_key_value_heads: 2,
        pad_token_id: null,
        rms_norm_eps: 1e-6,
        rope_parameters: { rope_theta: 1000000.0, rope_type: "default" },
        sliding_window: null,
        tie_word_embeddings: true,
        transformers_version: "5.1.0",
        use_cache: true,
        use_sliding_window: false,
        vocab_size: 151936,
      },
    },
  ],
  "3b": [
    model("Qwen2.5-3B", {
      hidden_size: 2048,
      intermediate_size: 11008,
      max_position_embeddings: 32768,
      max_window_layers: 36,
      num_attention_heads: 16,
      num_hidden_layers: 36,
      num_key_value_heads: 2,
      sliding_window: 32768,
      tie_word_embeddings: true,
      use_mrope: false,
      vocab_size: 151936,
    }),
  ],
  "7b": [
    model("Qwen2-7B", {
      hidden_size: 3584,
      intermediate_size: 18944,
      max_position_embeddings: 131072,
      max_window_layers: 28,
      num_attention_heads: 28,
      num_hidden_layers: 28,
      num_key_value_heads: 4,
      sliding_window: 131072,
      tie_word_embeddings: false,
      vocab_size: 152064,
    }),
  ],
  "14b": [
    model("Qwen2.5-14B", {
      hidden_size: 5120,
      intermediate_size: 13824,
      max_position_embeddings: 131072,
      max_window_layers: 48,
      num_attention_heads: 40,
      num_hidden_layers: 48,
      num_key_value_heads: 8,
      rms_norm_eps: 1e-5,
      sliding_window: 131072,
      tie_word_embeddings: false,
      vocab_size: 152064,
    }),
  ],
  "32b": [
    model("Qwen2.5-32B", {
      hidden_size: 5120,
      intermediate_size: 27648,
      max_position_embeddings: 131072,
      max_window_layers: 64,
      num_attention_heads: 40,
      num_hidden_layers: 64,
      num_key_value_heads: 8,
      rms_norm_eps: 1e-5,
      sliding_window: 131072,
      tie_word_embeddings: false,
      vocab_size: 152064,
    }),
  ],
  "72b": [
    model("Qwen2-72B-Instruct", {
      eos_token_id: 151645,
      hidden_size: 8192,
      intermediate_size: 29568,
      max_position_embeddings: 32768,
      max_window_layers: 80,
      num_attention_heads: 64,
      num_hidden_layers: 80,
      num_key_value_heads: 8,
      sliding_window: 131072,
      tie_word_embeddings: false,
      vocab_size: 152064,
    }),
  ],
} as const satisfies Record<string, readonly ModelCase[]>;

const sizes = {
  ...{ bos_token_id: 0, eos_token_id: 1, max_position_embeddings: 64, max_window_layers: 2, sliding_window: 64 },
  ...{ hidden_size: 64, intermediate_size: 96, num_attention_heads: 8, num_hidden_layers: 2, vocab_size: 200 },
};

export const smallGrouped = model("small, two queries to a key", { ...sizes, num_key_value_heads: 4 });
export const smallTied = model("small, tied, one key/value head, an odd number of layers", {
  ...sizes,
  num_hidden_layers: 3,
  num_key_value_heads: 1,
  tie_word_embeddings: true,
});
