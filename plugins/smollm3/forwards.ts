// The family's forwards, by layout. README.md beside this file says where each fact is from.

import { UnsupportedError } from "../../core/errors.js";
import { configReader } from "../../core/forward/config.js";
import type { FamilyForwards, Forward, ForwardSource } from "../../core/forward/forward.js";
import { type HuggingFaceDecoder, readHuggingFaceDecoder, runHuggingFaceDecoder } from "../llama/huggingface-forward.js";
import { nanotronQwen2 } from "../qwen2/forwards.js";

/** SmolLM3ForCausalLM: Llama's, without rotation in some layers. */
const huggingFaceSmolLM3: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  const attentionBias = config.flag("attention_bias", false);
  const rotates = rotation(source);
  const model = readHuggingFaceDecoder(source, tokens.length, options, {
    biases: { qkv: attentionBias, output: attentionBias, mlp: config.flag("mlp_bias", false) },
    // Null means as many as heads; a config without the key has 4.
    kvHeads: source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 4,
    maxPositions: 32768,
    theta: 2000000,
    isTied: true,
    rotates,
    window: windows(source, rotates),
  });
  return runHuggingFaceDecoder(executor, model, tokens);
};

/** The list, and the interval only where there is none. */
function rotation(source: ForwardSource): HuggingFaceDecoder["rotates"] {
  const config = configReader(source);
  const list = source.config.no_rope_layers ?? null;
  if (list === null) {
    const interval = config.integer("no_rope_layer_interval", 4);
    return (layer) => (layer + 1) % interval !== 0;
  }
  const layers = config.integer("num_hidden_layers");
  if (Array.isArray(list) && list.length >= layers && list.every((entry) => entry === 0 || entry === 1))
    return (layer) => list[layer] === 1;
  throw new UnsupportedError(`${source.configPath}: no_rope_layers: expected a 0 or 1 for each of ${layers} layers`, false);
}

/** `layer_types` alone decides on the mask; without it a window that is on holds in the layers that do not rotate. */
function windows(source: ForwardSource, rotates: HuggingFaceDecoder["rotates"]): HuggingFaceDecoder["window"] {
  const config = configReader(source);
  const types = source.config.layer_types ?? null;
  if (types !== null && !Array.isArray(types)) throw new UnsupportedError(`${source.configPath}: layer_types: expected a list`, false);
  const window = (source.config.sliding_window ?? null) === null ? undefined : config.integer("sliding_window");
  const isOn = config.flag("use_sliding_window", false);
  return (layer) => ((types === null ? isOn && !rotates(layer) : types[layer] === "sliding_attention") ? window : undefined);
}

/** Nanotron trains SmolLM3 as its Qwen2. */
export const smollm3Forwards: FamilyForwards = { huggingface: huggingFaceSmolLM3, nanotron: nanotronQwen2 };
