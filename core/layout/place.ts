// Where a component's elements lie in a tensor that holds it: strides for its factored axes.
// This is the fast, affine form; plan/transforms.ts has the same facts element by element, and the proof holds the two together.

import type { Component } from "../architecture/architecture.js";
import { rowMajorStrides } from "../tensor/shape.js";
import type { AxisRange, Piece } from "./layout.js";

export interface Placement {
  readonly component: Component;
  readonly componentIndex: number;
  /** The part of each axis that this tensor holds: indices of the axis' outermost symbol; all of it when undefined. */
  readonly cut: { readonly axis: number; readonly start: number; readonly stop: number } | undefined;
  /** Shape of the tensor that holds the component. */
  readonly shape: readonly number[];
  /** Where along which of that tensor's axes the component begins. `period`: from one part of it to the next, where others lie between. */
  readonly at: { readonly axis: number; readonly index: number; readonly period?: number } | undefined;
  readonly interleaved: boolean;
  readonly transpose: boolean;
}

/** The box of elements of one component inside a tensor. Cost: a few operations per axis. */
export function placePiece({ component, componentIndex, cut, shape, at, interleaved, transpose }: Placement): Piece {
  const strides = rowMajorStrides(shape);
  const axes: AxisRange[] = [];
  component.axes.forEach((sizes, axis) => {
    const heldAxis = transpose ? component.axes.length - 1 - axis : axis;
    const axisStride = strides[heldAxis] ?? 1;
    const inner = rowMajorStrides(sizes);
    if (at?.period !== undefined && heldAxis === at.axis) inner[0] = at.period;
    sizes.forEach((size, part) => {
      const isCut = part === 0 && cut?.axis === axis;
      const range = { start: isCut ? cut.start : 0, size: isCut ? cut.stop - cut.start : size, stride: axisStride * (inner[part] ?? 1) };
      if (component.rotary && axis === 0 && part === sizes.length - 1) axes.push(...splitHead(range, interleaved));
      else axes.push(range);
    });
  });
  const offset = at === undefined ? 0 : at.index * (strides[at.axis] ?? 1);
  return { component: componentIndex, offset, axes };
}

/** A head's rows as [half, pair]: half-split keeps the halves apart, interleaved keeps each pair together. */
function splitHead({ start, size, stride }: AxisRange, interleaved: boolean): AxisRange[] {
  const pairs = size / 2;
  return [
    { start, size: 2, stride: interleaved ? stride : pairs * stride },
    { start, size: pairs, stride: interleaved ? 2 * stride : stride },
  ];
}
