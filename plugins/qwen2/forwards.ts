// The family's forwards, by layout. README.md beside this file says where each fact is from.

import { UnsupportedError } from "../../core/errors.js";
import type { Rounding } from "../../core/executor/executor.js";
import { configReader } from "../../core/forward/config.js";
import type { FamilyForwards, Forward, ForwardSource } from "../../core/forward/forward.js";
import { readHuggingFaceDecoder, runHuggingFaceDecoder } from "../llama/huggingface-forward.js";
import { readNanotronDecoder, runNanotronDecoder } from "../llama/nanotron-forward.js";

/** Qwen2ForCausalLM: q, k and v always have a bias, and nothing else has. */
const huggingFaceQwen2: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  if (config.flag("use_sliding_window", false)) refuseWindow(source, "sliding_window", config.integer("sliding_window", 4096), tokens);
  const biases = { qkv: true, output: false, mlp: false };
  // Null means as many as heads; a config without the key has 32.
  const kvHeads = source.config.num_key_value_heads === null ? config.integer("num_attention_heads") : 32;
  return runHuggingFaceDecoder(
    executor,
    readHuggingFaceDecoder(source, tokens.length, options, { biases, kvHeads, maxPositions: 32768 }),
    tokens,
  );
};

/** Qwen2ForTraining, without experts. */
export const nanotronQwen2: Forward = (executor, source, tokens, options) => {
  const config = configReader(source);
  if (config.object("moe_config") !== undefined) throw refusal(source, "moe_config", "no forward here computes experts");
  if ((source.config.flex_attention_mask ?? null) !== null) throw refusal(source, "flex_attention_mask", "this forward's mask is causal");
  const hasWindow = (source.config.sliding_window_size ?? null) !== null;
  if (hasWindow) refuseWindow(source, "sliding_window_size", config.integer("sliding_window_size"), tokens);
  const common = readNanotronDecoder(source, options);
  const factor = config.number("rope_seq_len_interpolation_factor", 1);
  const skipped = (source.config.no_rope_layer ?? null) === null ? undefined : config.integer("no_rope_layer");
  // LlamaRMSNorm rounds x̂ as transformers does, TritonRMSNorm does not; a layer's first norm is always the former.
  const roundNorm: Rounding = config.flag("_fused_rms_norm", true) ? "none" : common.round;
  const model = {
    ...common,
    frequencies: common.frequencies.map((frequency) => frequency / factor),
    qkvBias: config.flag("attention_bias", false),
    rotates: (layer: number) => skipped === undefined || (layer + 1) % skipped !== 0,
    roundInputNorm: common.round,
    roundNorm,
  };
  return runNanotronDecoder(executor, model, tokens);
};

/** A window of as many tokens as there are hides none of them. */
export function refuseWindow(source: ForwardSource, key: string, window: number, tokens: Uint32Array): void {
  if (window < tokens.length)
    throw refusal(source, key, `no forward here has a window, and ${tokens.length} tokens do not fit in ${window}`);
}

const refusal = ({ configPath }: ForwardSource, key: string, because: string): UnsupportedError =>
  new UnsupportedError(`${configPath}: ${key}: ${because}`, false, { hint: "compare with --checks parameters" });

export const qwen2Forwards: FamilyForwards = { huggingface: huggingFaceQwen2, nanotron: nanotronQwen2 };
