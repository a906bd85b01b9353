// What rounding alone makes of distances: how far right variants of one forward are apart, of A's weights and of B's.

import type { Difference, Executor, Tensor } from "../executor/executor.js";

/** The right variants of both sides, each side's own forward first. */
export interface RightVariants {
  readonly ours: readonly Tensor[];
  readonly theirs: readonly Tensor[];
}

/**
 * B's weights may be faulty: what they make of rounding counts, for two sides' roundings are not alike, but up to this many times A's noise
 * and no further. Or a fault that makes chaos of B would raise its own limit.
 */
const MOST_OF_B = 2;

/**
 * All reads are asked for at once.
 *
 * @param power - of the rounding errors, that the distances grow with
 * @returns the furthest that two variants of one side are apart
 */
export async function noiseOf(
  { ours, theirs }: RightVariants,
  distance: (one: Tensor, other: Tensor) => Promise<number>,
  power: number,
): Promise<number> {
  const [ofA, ofB] = await Promise.all([furthest(ours, distance), furthest(theirs, distance)]);
  return Math.max(ofA, Math.min(ofB, MOST_OF_B ** power * ofA));
}

const furthest = async (variants: readonly Tensor[], distance: (one: Tensor, other: Tensor) => Promise<number>): Promise<number> =>
  Math.max(...(await Promise.all(variants.flatMap((one, at) => variants.slice(at + 1).map((other) => distance(one, other))))));

/** A number that two right sides' logits are not far beyond the noise of. */
export interface Measure {
  /** What two lists of logits are compared by. */
  readonly name: "largest difference" | "mean KL";
  readonly distance: number;
  readonly noise: number;
  readonly limit: number;
}

/**
 * Two right sides' largest logit difference over the noise. Of 2460 right comparisons of random models, each way, the furthest is at 1.56;
 * in the bundled model a vocabulary row of the wrong sign is at 27 and more.
 */
const LARGEST_MARGIN = 2;
/** KL grows with the errors' squares. The furthest of the same comparisons is at 2.30. */
const KL_MARGIN = LARGEST_MARGIN ** 2;
/** Of distributions so near, float32 cannot tell the divergence. */
const LEAST_KL = 2 ** -20;

/**
 * The mean says nothing of a few tokens or positions that are far off: these do.
 *
 * @param kl - mean over positions
 * @param least - what the order of float32 sums may make of a logit
 */
export async function measuresOf(
  executor: Executor,
  variants: RightVariants,
  { maxAbs }: Difference,
  kl: number,
  least: number,
): Promise<readonly Measure[]> {
  const largest = await noiseOf(variants, async (one, other) => (await executor.difference(one, other)).maxAbs, 1);
  const divergence = await noiseOf(variants, async (one, other) => meanOf(await executor.divergence(one, other)), 2);
  return [
    { name: "largest difference", distance: maxAbs, noise: largest, limit: Math.max(least, LARGEST_MARGIN * largest) },
    { name: "mean KL", distance: kl, noise: divergence, limit: Math.max(LEAST_KL, KL_MARGIN * divergence) },
  ];
}

export const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
