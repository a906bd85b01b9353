// Which part of a whole parameter a rank's tensor is.

import { type Shape, sameShape } from "../tensor/shape.js";

/** Half-open ranges, one per axis. */
export type Region = readonly { readonly start: number; readonly stop: number }[];

/** Where regions of a rank's tensor lie in the whole parameter; the two of a pair have one size. */
export interface Sharding {
  /** The axis that ranks share; of every other axis a rank has all. */
  readonly axis: number;
  readonly unshardedShape: Shape;
  readonly pairs: readonly { readonly local: Region; readonly global: Region }[];
}

export function sameSharding(a: Sharding, b: Sharding): boolean {
  const sameRegion = (x: Region, y: Region) =>
    x.length === y.length && x.every(({ start, stop }, axis) => start === y[axis]?.start && stop === y[axis]?.stop);
  return (
    sameShape(a.unshardedShape, b.unshardedShape) &&
    a.pairs.length === b.pairs.length &&
    a.pairs.every(({ local, global }, i) => sameRegion(local, b.pairs[i]?.local ?? []) && sameRegion(global, b.pairs[i]?.global ?? []))
  );
}
