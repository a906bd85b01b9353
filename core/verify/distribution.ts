// How the differences of two models' logits are distributed: a histogram over powers of ten. All logits leave the device for it.

import type { Executor, Tensor } from "../executor/executor.js";

/** Counts of |Δlogit|. */
export interface Distribution {
  /** All logits of all positions. */
  readonly total: number;
  /** Those that are exactly equal, and those of which one is not a number. */
  readonly zero: number;
  readonly notFinite: number;
  /** Half-open ranges without gaps, smallest first, from the first with any to the last. */
  readonly bins: readonly { readonly from: number; readonly to: number; readonly count: number }[];
}

/** Bins of a factor of ten; four are fine enough to show a shape and wide enough to fill. */
const BINS_OF_DECADE = 4;
/** Powers of ten that float32 differences can have. */
const [LEAST, MOST] = [-46, 40];
/** Logits leave the device in parts of about this size. */
const READ_BYTES = 16 * 1024 * 1024;

/** @param a - logits [T, V] @param b - of the same shape */
export async function distributionOf(executor: Executor, a: Tensor, b: Tensor): Promise<Distribution> {
  const [rows, columns] = a.shape;
  const atOnce = Math.max(1, Math.floor(READ_BYTES / (columns * Float32Array.BYTES_PER_ELEMENT)));
  const counts = new Float64Array((MOST - LEAST) * BINS_OF_DECADE);
  let [zero, notFinite] = [0, 0];
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const [left, right] = await Promise.all([executor.read(a, row, count), executor.read(b, row, count)]);
    for (let at = 0; at < left.length; at++) {
      const apart = Math.abs((left[at] as number) - (right[at] as number));
      if (apart === 0) zero++;
      else if (!Number.isFinite(apart)) notFinite++;
      else counts[binOf(apart)] = (counts[binOf(apart)] ?? 0) + 1;
    }
  }
  return { total: rows * columns, zero, notFinite, bins: filled(counts) };
}

const binOf = (value: number): number => Math.floor((Math.log10(value) - LEAST) * BINS_OF_DECADE);

const edge = (bin: number): number => 10 ** (LEAST + bin / BINS_OF_DECADE);

function filled(counts: Float64Array): Distribution["bins"] {
  const last = counts.findLastIndex((count) => count > 0);
  const first = counts.findIndex((count) => count > 0);
  if (last < 0) return [];
  return Array.from(counts.subarray(first, last + 1), (count, at) => ({ from: edge(first + at), to: edge(first + at + 1), count }));
}
