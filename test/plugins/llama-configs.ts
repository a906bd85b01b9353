// Config files of Llama models: as published, and small ones.

import type { ModelCase } from "../../core/testing/architecture-tester.js";

const common = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  attention_bias: false,
  hidden_act: "silu",
  initializer_range: 0.02,
  rope_scaling: null,
  torch_dtype: "bfloat16",
  use_cache: true,
};

const llama3 = {
  ...common,
  bos_token_id: 128000,
  eos_token_id: 128001,
  max_position_embeddings: 8192,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  tie_word_embeddings: false,
  vocab_size: 128256,
};

/** config.json of meta-llama/Meta-Llama-3-8B and -70B. */
export const published8b: ModelCase = {
  name: "Meta-Llama-3-8B",
  config: { ...llama3, hidden_size: 4096, intermediate_size: 14336, num_attention_heads: 32, num_hidden_layers: 32 },
};
export const published70b: ModelCase = {
  name: "Meta-Llama-3-70B",
  config: { ...llama3, hidden_size: 8192, intermediate_size: 28672, num_attention_heads: 64, num_hidden_layers: 80 },
};

const sizes = { hidden_size: 64, intermediate_size: 96, num_attention_heads: 8, num_hidden_layers: 2, vocab_size: 200 };

/** As Llama 3, with grouped queries and its theta. */
export const smallGrouped: ModelCase = {
  name: "small, two queries to a key",
  config: { ...llama3, ...sizes, num_key_value_heads: 4, bos_token_id: 0, eos_token_id: 1 },
};
/** As transformers 5 writes its rope settings; as many key/value heads as heads. */
export const smallMultiHead: ModelCase = {
  name: "small, multi-head, config of transformers 5",
  config: {
    ...common,
    ...sizes,
    num_key_value_heads: 8,
    rope_parameters: { rope_theta: 10000, rope_type: "default" },
    dtype: "bfloat16",
  },
};
export const smallTied: ModelCase = {
  name: "small, tied, one key/value head, an odd number of layers",
  config: { ...common, ...sizes, num_hidden_layers: 3, num_key_value_heads: 1, tie_word_embeddings: true, rope_theta: 10000 },
};
