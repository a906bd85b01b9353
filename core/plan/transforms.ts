// The closed vocabulary of transforms, element by element: each maps an index to an index and has its inverse.
// Conversions are compiled from strides (layout/place.ts); these say the same in the plainest arithmetic, and the proof
// holds one against the other.

/** Index of an element: one number per axis. */
export type Index = readonly number[];

export interface Transform {
  readonly apply: (index: Index) => Index;
  readonly invert: (index: Index) => Index;
}

const replaceAt = (index: Index, axis: number, value: number): Index => index.map((old, at) => (at === axis ? value : old));

/**
 * Rows of each head from half-split to interleaved RoPE order: pair p of half h moves from p + h·d/2 to 2p + h.
 *
 * @param headDim - d, rows per head
 */
export function interleave(headDim: number): Transform {
  const pairs = headDim / 2;
  return {
    apply: (index) => {
      const row = index[0] ?? 0;
      const [head, within] = [Math.floor(row / headDim), row % headDim];
      return replaceAt(index, 0, head * headDim + 2 * (within % pairs) + Math.floor(within / pairs));
    },
    invert: (index) => {
      const row = index[0] ?? 0;
      const [head, within] = [Math.floor(row / headDim), row % headDim];
      return replaceAt(index, 0, head * headDim + (within % 2) * pairs + Math.floor(within / 2));
    },
  };
}

/** Swap the two axes of a matrix. */
export const transpose: Transform = {
  apply: (index) => [...index].reverse(),
  invert: (index) => [...index].reverse(),
};

/** Join behind `start` others along an axis; the inverse takes the part back out. */
export const fuse = (axis: number, start: number): Transform => ({
  apply: (index) => replaceAt(index, axis, (index[axis] ?? 0) + start),
  invert: (index) => replaceAt(index, axis, (index[axis] ?? 0) - start),
});

/**
 * Join in turns along an axis: `extent` indices at a time, behind `start` others in each stretch of `period`. The inverse takes the
 * part back out.
 */
export const fuseInTurns = (axis: number, { start, extent, period }: { start: number; extent: number; period: number }): Transform => ({
  apply: (index) => {
    const along = index[axis] ?? 0;
    return replaceAt(index, axis, Math.floor(along / extent) * period + start + (along % extent));
  },
  invert: (index) => {
    const along = index[axis] ?? 0;
    return replaceAt(index, axis, Math.floor(along / period) * extent + (along % period) - start);
  },
});

/** Become the member `place` of a stack, along an axis in front of the others. */
export const stack = (place: number): Transform => ({
  apply: (index) => [place, ...index],
  invert: (index) => index.slice(1),
});

/** Rank `rank`'s part of an axis cut into equal parts of `size`. */
export const slice = (axis: number, size: number, rank: number): Transform => fuse(axis, -size * rank);

export function chain(transforms: readonly Transform[]): Transform {
  return {
    apply: (index) => transforms.reduce((at, transform) => transform.apply(at), index),
    invert: (index) => transforms.reduceRight((at, transform) => transform.invert(at), index),
  };
}

/** An element of a stored tensor. */
export interface StoredElement {
  readonly key: string;
  readonly index: Index;
}

/** An element of an architecture's component. */
export interface ComponentElement {
  readonly component: number;
  readonly index: Index;
}

/** A layout's arrangement, element by element, in both directions. */
export interface ReferenceMap {
  locate(element: ComponentElement): StoredElement;
  /** @returns undefined for a key that the arrangement does not have */
  identify(element: StoredElement): ComponentElement | undefined;
}
