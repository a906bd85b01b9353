// Arithmetic on shapes: element counts and row-major strides. Sizes are checked to stay exact integers.

export type Shape = readonly number[];

export const numElements = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** Row-major strides, in elements: the last axis has stride 1. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, axis) => size === b[axis]);

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;
