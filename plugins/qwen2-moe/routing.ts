// Which experts a token goes to, and with what weight. Both frameworks do it with a few numbers a token, so that it is done here, on
// the host, in float32, alike for every executor.

import { rounder } from "../../core/executor/cpu/kernels/rounding.js";
import type { Rounding } from "../../core/executor/executor.js";

export interface RouteOptions {
  readonly experts: number; // E
  readonly perToken: number; // k
  /** Divide a token's weights by their sum. */
  readonly normalize: boolean;
  /** Of the weights. */
  readonly round: Rounding;
}

/** Of each token its k experts, the most probable first. */
export interface Routing {
  readonly perToken: number; // k
  readonly experts: Uint32Array; // [T, k]
  readonly weights: Float32Array; // [T, k]
}

/** Softmax over all experts, then the k largest, the first of equals. @param logits - [T, E] */
export function route(logits: Float32Array, { experts: count, perToken, normalize, round }: RouteOptions): Routing {
  const tokens = logits.length / count;
  const [experts, weights] = [new Uint32Array(tokens * perToken), new Float32Array(tokens * perToken)];
  const rounded = rounder(round);
  for (let token = 0; token < tokens; token++) {
    const chosen = largest(softmax(logits.subarray(token * count, (token + 1) * count)), perToken);
    const total = normalize ? chosen.reduce((sum, { probability }) => Math.fround(sum + probability), 0) : 1;
    chosen.forEach(({ expert, probability }, at) => {
      experts[token * perToken + at] = expert;
      weights[token * perToken + at] = rounded(Math.fround(probability / total));
    });
  }
  return { perToken, experts, weights };
}

function softmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function largest(probabilities: Float32Array, count: number): { expert: number; probability: number }[] {
  const all = Array.from(probabilities, (probability, expert) => ({ expert, probability }));
  return all.sort((a, b) => b.probability - a.probability || a.expert - b.expert).slice(0, count);
}

/** @param logits - [T] */
export function sigmoid(logits: Float32Array, round: Rounding): Float32Array {
  const rounded = rounder(round);
  return logits.map((logit) => rounded(1 / (1 + Math.exp(-logit))));
}
