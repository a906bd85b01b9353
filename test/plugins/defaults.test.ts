// What an absent or null key of config.json is, against transformers' configuration classes: LlamaConfig, Qwen2Config and
// MistralConfig in models/*/configuration_*.py (version 5), and default_theta in modeling_rope_utils.py.

import { expect } from "chai";
import { describe, it } from "mocha";
import type { Values } from "../../core/architecture/declaration.js";
import { createContext } from "../../core/compose.js";
import { CheckpointError } from "../../core/index.js";
import { configurationOf } from "../../core/testing/small-model.js";

const { plugins } = createContext();
const sizes = { hidden_size: 512, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 64, vocab_size: 200 };
const settingsOf = (family: string, config: Values) => configurationOf(plugins.get(family), { ...sizes, ...config }).settings;

const common = {
  head_dim: 8,
  hidden_act: "silu",
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  use_cache: true,
  tie_word_embeddings: false,
  attention_dropout: 0,
  rope_theta: 10000,
  rope_scaling: null,
  pad_token_id: null,
};
const ofClass: Readonly<Record<string, { given?: Values; expected: Values }>> = {
  llama: {
    expected: {
      ...common,
      num_key_value_heads: 64,
      max_position_embeddings: 2048,
      bos_token_id: 1,
      eos_token_id: 2,
      pretraining_tp: 1,
      attention_bias: false,
      mlp_bias: false,
    },
  },
  qwen2: {
    expected: {
      ...common,
      num_key_value_heads: 32,
      max_position_embeddings: 32768,
      bos_token_id: null,
      eos_token_id: null,
      use_sliding_window: false,
      sliding_window: 4096,
      max_window_layers: 28,
    },
  },
  mistral: {
    given: { num_key_value_heads: 8 },
    expected: { ...common, max_position_embeddings: 131072, bos_token_id: 1, eos_token_id: 2, sliding_window: 4096 },
  },
};

describe("keys that a config.json lacks", () => {
  for (const [family, { given = {}, expected }] of Object.entries(ofClass)) {
    it(`are what ${family}'s class in transformers takes`, () => {
      const found = settingsOf(family, given);
      expect(Object.fromEntries(Object.keys(expected).map((key) => [key, found[key]]))).to.deep.equal(expected);
    });
  }
  it("Mistral's key/value heads: its class has 8, other ones as many as heads, and nobody is guessed for", () => {
    expect(() => settingsOf("mistral", {})).to.throw(CheckpointError, "config.json: num_key_value_heads is missing");
  });
});

describe("null for key/value heads", () => {
  for (const family of ["llama", "qwen2", "mistral"]) {
    it(`is as many as heads to ${family}`, () => {
      expect(settingsOf(family, { num_key_value_heads: null }).num_key_value_heads).to.equal(64);
    });
  }
});
