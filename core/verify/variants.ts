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
    linear: (x, weight, options) =>
      scoped(own, (ops) => inParts(ops, x, 2, { partial: "none", round: options.round }, linear(weight, options))),
    linearTransposed: (x, weight, round) =>
      scoped(own, (ops) =>
        inParts(ops, x, 2, { partial: "none", round }, (part, rounding) => ops.linearTransposed(part, weight, rounding)),
      ),
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
        : scoped(own, (ops) => inParts(ops, x, cuts, { partial: options.round, round: options.round }, linear(weight, options))),
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

/** One part's product with the whole weight; the last takes the bias along. */
type Product = (part: Tensor, round: Rounding, ops: Ops, isLast: boolean) => Promise<Tensor>;

const linear =
  (weight: Weight, { bias }: LinearOptions): Product =>
  (part, round, ops, isLast) =>
    ops.linear(part, weight, { round, ...(isLast && bias !== undefined ? { bias } : {}) });

/** A product as the sum of those of x's columns, cut into parts. */
async function inParts(
  ops: Ops,
  x: Tensor,
  cuts: number,
  { partial, round }: { readonly partial: Rounding; readonly round: Rounding },
  product: Product,
): Promise<Tensor> {
  const width = x.shape[1];
  let sum: Tensor | undefined;
  for (let cut = 0; cut < cuts; cut++) {
    const part = await onlyColumns(ops, x, Math.floor((cut * width) / cuts), Math.floor(((cut + 1) * width) / cuts));
    if (part === undefined) continue;
    const isLast = cut === cuts - 1;
    const found = await product(part, partial, ops, isLast);
    sum = sum === undefined ? found : await ops.add(sum, found, isLast ? round : partial);
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
