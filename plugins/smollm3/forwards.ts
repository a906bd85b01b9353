// The family's forwards, by layout. README.md beside this file says where each fact is from.

import { UnsupportedError } from "../../core/errors.js";
import { configReader } from "../../core/forward/config.js";
import type { FamilyForwards, Forward, ForwardSource } from "../../core/forward/forward.js";
import { readHuggingFaceDecoder, runHuggingFaceDecoder } from "../llama/huggingface-forward.js";
import { nanotronQwen2, refuseWindow } from "../qwen2/forwards.js";

/** SmolLM3ForCausalLM: Llama's, without rotation in some layers. */
const huggingFaceSmolLM3: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  const rotating = rotatingLayers(source);
  if (hasWindow(source, rotating)) refuseWindow(source, "sliding_window", config.integer("sliding_window"), tokens);
  const attentionBias = config.flag("attention_bias", false);
  const model = readHuggingFaceDecoder(source, tokens.length, options, {
    biases: { qkv: attentionBias, output: attentionBias, mlp: config.flag("mlp_bias", false) },
    // Null means as many as heads; a config without the key has 4.
    kvHeads: source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 4,
    maxPositions: 32768,
    theta: 2000000,
    isTied: true,
  });
  return runHuggingFaceDecoder(executor, { ...model, rotates: (layer) => rotating[layer] === true }, tokens);
};

/** The list, and the interval only where there is none. */
function rotatingLayers(source: ForwardSource): boolean[] {
  const config = configReader(source);
  const layers = config.integer("num_hidden_layers");
  const list = source.config.no_rope_layers ?? null;
  if (list === null) {
    const interval = config.integer("no_rope_layer_interval", 4);
    return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
  }
  if (Array.isArray(list) && list.length >= layers && list.every((entry) => entry === 0 || entry === 1))
    return list.map((entry) => entry === 1);
  throw new UnsupportedError(`${source.configPath}: no_rope_layers: expected a 0 or 1 for each of ${layers} layers`, false);
}

/** By `layer_types`; without it in the layers that do not rotate. The window's mask is there even where `use_sliding_window` is false. */
function hasWindow(source: ForwardSource, rotating: readonly boolean[]): boolean {
  const types = source.config.layer_types ?? null;
  if (Array.isArray(types)) return types.slice(0, rotating.length).includes("sliding_attention");
  const isOn = configReader(source).flag("use_sliding_window", false) && (source.config.sliding_window ?? null) !== null;
  return isOn && rotating.includes(false);
}

/** Nanotron trains SmolLM3 as its Qwen2. */
export const smollm3Forwards: FamilyForwards = { huggingface: huggingFaceSmolLM3, nanotron: nanotronQwen2 };
