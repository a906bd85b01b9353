// Parts of rows: one stretch of columns out of a wider matrix, or into one.

/** Where a stretch of columns lies: in a matrix of rows of `stride` elements, from column `offset` on. */
export interface Stretch {
  readonly values: Float32Array;
  readonly stride: number;
  readonly offset: number;
}

/** Copy `width` columns of rows [start, stop). */
export function copyColumns(from: Stretch, to: Stretch, width: number, start: number, stop: number): void {
  for (let row = start; row < stop; row++) {
    const at = row * from.stride + from.offset;
    to.values.set(from.values.subarray(at, at + width), row * to.stride + to.offset);
  }
}
