// RoPE's frequencies, in float32 as the frameworks compute them, with the scalings that transformers knows.
// Source: transformers 5.17 modeling_rope_utils.py. All arithmetic there is float32; Math.fround marks each step.

import type { Values } from "../architecture/declaration.js";
import { UnsupportedError } from "../errors.js";

export interface RopeTable {
  /** [headDim / 2] radians per position. */
  readonly frequencies: Float32Array;
  /** A factor on cos and sin. */
  readonly tableFactor: number;
}

/** theta^(−2j/d) for each pair j of a head. */
export function ropeFrequencies(theta: number, headDim: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, pair) => {
    const exponent = Math.fround((2 * pair) / headDim);
    return 1 / Math.fround(theta ** exponent);
  });
}

/**
 * @param scaling - `rope_type` and its parameters; undefined for none
 * @param numPositions - tokens of the forward
 * @param maxPositions - the model's max_position_embeddings
 * @throws {UnsupportedError} a scaling that is not known here
 */
export function scaledRope(
  theta: number,
  headDim: number,
  scaling: Values | undefined,
  numPositions: number,
  maxPositions: number,
): RopeTable {
  const type = scaling?.rope_type ?? "default";
  const number = (key: string, fallback: number) => (typeof scaling?.[key] === "number" ? (scaling[key] as number) : fallback);
  const plain = ropeFrequencies(theta, headDim);
  const factor = number("factor", 1);
  switch (type) {
    case "default":
      return { frequencies: plain, tableFactor: 1 };
    case "linear":
      return { frequencies: plain.map((frequency) => frequency / factor), tableFactor: 1 };
    case "dynamic": {
      const length = Math.max(numPositions, number("original_max_position_embeddings", maxPositions));
      const growth = (factor * length) / number("original_max_position_embeddings", maxPositions) - (factor - 1);
      return { frequencies: ropeFrequencies(theta * growth ** (headDim / (headDim - 2)), headDim), tableFactor: 1 };
    }
    case "llama3":
      return { frequencies: llama3(plain, number), tableFactor: 1 };
    case "yarn":
      return yarn(plain, theta, headDim, number, maxPositions, scaling?.truncate !== false);
    default:
      throw new UnsupportedError(`rope_type ${JSON.stringify(type)}: no forward here computes it`, false, {
        hint: "known: default, linear, dynamic, llama3, yarn; compare with --checks parameters",
      });
  }
}

type Lookup = (key: string, fallback: number) => number;

/** Long waves are slowed down, short ones kept, those in between blended. */
function llama3(plain: Float32Array, number: Lookup): Float32Array {
  const [factor, low, high] = [number("factor", 8), number("low_freq_factor", 1), number("high_freq_factor", 4)];
  const context = number("original_max_position_embeddings", 8192);
  return plain.map((frequency) => {
    const wavelength = Math.fround((2 * Math.PI) / frequency);
    if (wavelength < context / high) return frequency;
    if (wavelength > context / low) return frequency / factor;
    const smooth = Math.fround((context / wavelength - low) / (high - low));
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

function yarn(plain: Float32Array, theta: number, headDim: number, number: Lookup, maxPositions: number, truncate: boolean): RopeTable {
  const context = number("original_max_position_embeddings", maxPositions);
  const factor = number("factor", maxPositions / context);
  const pairOf = (rotations: number) => (headDim * Math.log(context / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const bounds = [pairOf(number("beta_fast", 32)), pairOf(number("beta_slow", 1))] as const;
  const [first, last] = truncate ? [Math.floor(bounds[0]), Math.ceil(bounds[1])] : bounds;
  const [low, high] = [Math.max(first, 0), Math.min(last, headDim - 1)];
  const frequencies = plain.map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - low) / Math.max(high - low, 0.001)));
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
  const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const [all, only] = [number("mscale", 0), number("mscale_all_dim", 0)];
  const derived = all !== 0 && only !== 0 ? magnitude(all) / magnitude(only) : magnitude(1);
  return { frequencies, tableFactor: number("attention_factor", derived) };
}
