// The family's forwards, by layout. README.md beside this file says where each fact is from.

import { UnsupportedError } from "../../core/errors.js";
import type { Rounding } from "../../core/executor/executor.js";
import { configReader } from "../../core/forward/config.js";
import type { FamilyForwards, Forward, ForwardOptions, ForwardSource } from "../../core/forward/forward.js";
import { type HuggingFaceDecoder, readHuggingFaceDecoder, runHuggingFaceDecoder, windowOf } from "../llama/huggingface-forward.js";
import { type NanotronDecoder, readNanotronDecoder, runNanotronDecoder } from "../llama/nanotron-forward.js";

/** Qwen2ForCausalLM: q, k and v always have a bias, and nothing else has. */
const huggingFaceQwen2: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  const biases = { qkv: true, output: false, mlp: false };
  // Null means as many as heads; a config without the key has 32.
  const kvHeads = source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 32;
  const defaults = { biases, kvHeads, maxPositions: 32768, window: windows(source) };
  return runHuggingFaceDecoder(executor, readHuggingFaceDecoder(source, tokens.length, options, defaults), tokens);
};

/** Off unless asked for; then of the layers that `layer_types` names, else of those from `max_window_layers` on. */
function windows(source: ForwardSource): HuggingFaceDecoder["window"] {
  const config = configReader(source);
  const window = config.flag("use_sliding_window", false) ? windowOf(source, 4096) : undefined;
  const types = source.config.layer_types ?? null;
  if (types !== null && !Array.isArray(types)) throw refusal(source, "layer_types", "expected a list");
  const first = config.number("max_window_layers", 28);
  return (layer) => ((types === null ? layer >= first : types[layer] === "sliding_attention") ? window : undefined);
}

/** Qwen2ForTraining, without experts: also what Nanotron trains SmolLM3 as. */
export const nanotronQwen2: Forward = (executor, source, tokens, options) => {
  if (configReader(source).object("moe_config") !== undefined)
    throw refusal(source, "moe_config", "this family's forward computes no experts");
  return runNanotronDecoder(executor, readNanotronQwen2(source, options), tokens);
};

/** What Qwen2ForTraining has with experts and without. */
export function readNanotronQwen2(source: ForwardSource, options: ForwardOptions): NanotronDecoder {
  const config = configReader(source);
  if ((source.config.flex_attention_mask ?? null) !== null) throw refusal(source, "flex_attention_mask", "this forward's mask is causal");
  const common = readNanotronDecoder(source, options);
  const factor = config.number("rope_seq_len_interpolation_factor", 1);
  const skipped = (source.config.no_rope_layer ?? null) === null ? undefined : config.integer("no_rope_layer");
  const window = (source.config.sliding_window_size ?? null) === null ? undefined : config.integer("sliding_window_size");
  const rotates = (layer: number) => skipped === undefined || (layer + 1) % skipped !== 0;
  // LlamaRMSNorm rounds x̂ as transformers does, TritonRMSNorm does not; a layer's first norm is always the former.
  const roundNorm: Rounding = config.flag("_fused_rms_norm", true) ? "none" : common.round;
  return {
    ...common,
    frequencies: common.frequencies.map((frequency) => frequency / factor),
    qkvBias: config.flag("attention_bias", false),
    rotates,
    window: (layer: number) => (rotates(layer) ? window : undefined),
    roundInputNorm: common.round,
    roundNorm,
  };
}

export const refusal = ({ configPath }: ForwardSource, key: string, because: string): UnsupportedError =>
  new UnsupportedError(`${configPath}: ${key}: ${because}`, false, { hint: "compare with --checks parameters" });

export const qwen2Forwards: FamilyForwards = { huggingface: huggingFaceQwen2, nanotron: nanotronQwen2 };
