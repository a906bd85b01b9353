// Right variants of one forward: what implementations of it are free to do, each done otherwise. How far they are apart is the noise
// that two right forwards may have.

import type { Executor, LinearOptions, Ops, Rounding, Tensor, Weight } from "../executor/executor.js";
import { scoped } from "../executor/scope.js";
import type { ForwardSource } from "../forward/forward.js";
import { changedExecutor, scaled } from "./changed-executor.js";

/** The same weights' forward, computed otherwise. */
export type Variant = (executor: Executor) => Executor;

/** More ranks are not taken: a cut costs a whole product. */
const MOST_CUTS = 16;

/** @returns another order of sums; another TP, b's where that is larger; each rounding that the frameworks place differently, in the other place */
export function variantsOf(a: ForwardSource, b: ForwardSource): readonly Variant[] {
  const cuts = Math.min(MOST_CUTS, Math.max(2, Math.ceil(b.arrangement.tp / a.arrangement.tp)));
  return [inAnotherOrder, (executor) => cutInto(executor, cuts), roundedElsewhere];
}

/** Each product as two sums in float32, one over each half of its terms. */
const inAnotherOrder = (executor: Executor): Executor =>
  changedExecutor(executor, (own) => ({
    linear: (x, weight, options) => scoped(own, (ops) => linearInParts(ops, x, weight, 2, { partial: "none", ...options })),
  }));

/** Ranks have the columns of a product's input, save where it is a norm's: every rank has that whole. */
function cutInto(executor: Executor, cuts: number): Executor {
  const normed = new WeakSet<Tensor>();
  const keep = (x: Tensor): Tensor => {
    normed.add(x);
    return x;
  };
  return changedExecutor(executor, (own) => ({
    rmsNorm: async (...args) => keep(await own.rmsNorm(...args)),
    layerNorm: async (...args) => keep(await own.layerNorm(...args)),
    linear: (x, weight, options) =>
      normed.has(x)
        ? own.linear(x, weight, options)
        : scoped(own, (ops) => linearInParts(ops, x, weight, cuts, { partial: options.round, ...options })),
  }));
}

/** Of norms, of rotary products, and of attention. */
const roundedElsewhere = (executor: Executor): Executor =>
  changedExecutor(executor, (own) => ({
    rmsNorm: (x, weight, options) =>
      own.rmsNorm(x, weight, { ...options, roundNormalized: options.roundNormalized === "none" ? options.round : "none" }),
    rotate: (x, options) => own.rotate(x, { ...options, roundProducts: options.roundProducts === "none" ? options.round : "none" }),
    attention: (q, k, v, options) => own.attention(q, k, v, { ...options, kind: options.kind === "fused" ? "eager" : "fused" }),
  }));

async function linearInParts(
  ops: Ops,
  x: Tensor,
  weight: Weight,
  cuts: number,
  { partial, round, bias }: LinearOptions & { readonly partial: Rounding },
): Promise<Tensor> {
  const width = x.shape[1];
  let sum: Tensor | undefined;
  for (let cut = 0; cut < cuts; cut++) {
    const part = await onlyColumns(ops, x, Math.floor((cut * width) / cuts), Math.floor(((cut + 1) * width) / cuts));
    if (part === undefined) continue;
    const isLast = cut === cuts - 1;
    const product = await ops.linear(part, weight, { round: partial, ...(isLast && bias !== undefined ? { bias } : {}) });
    sum = sum === undefined ? product : await ops.add(sum, product, isLast ? round : partial);
  }
  return sum as Tensor;
}

/** A weight cannot be cut by columns, so zeros stand where x is another rank's. */
async function onlyColumns(ops: Ops, x: Tensor, start: number, stop: number): Promise<Tensor | undefined> {
  if (start === stop) return undefined;
  const width = x.shape[1];
  const zeros = async (columns: number) => {
    const even = await ops.joinColumns([x, x]);
    return ops.columns(await scaled(ops, even, 0, "none"), 0, columns);
  };
  const parts: Tensor[] = [];
  if (start > 0) parts.push(await zeros(start));
  parts.push(await ops.columns(x, start, stop));
  if (stop < width) parts.push(await zeros(width - stop));
  return ops.joinColumns(parts);
}
