// Matrices as rows of bytes, and the rearrangements of rows and columns that conversions get wrong. Nothing here copies a row.

import type { CanonicalTensor } from "./canonical-tensors.js";

/** A matrix's rows, each a view of its bytes. */
export type Rows = readonly Buffer[];

export function rowsOf({ bytes, shape }: CanonicalTensor): Rows {
  const count = shape[0] ?? 1;
  return cutBytes(bytes, count);
}

/** Bytes in equal parts. */
export function cutBytes(bytes: Buffer, count: number): Buffer[] {
  const length = bytes.byteLength / count;
  return Array.from({ length: count }, (_, part) => bytes.subarray(part * length, (part + 1) * length));
}

export const sameBytes = (a: Buffer, b: Buffer): boolean => Buffer.compare(a, b) === 0;

export const sameRows = (a: Rows, b: Rows): boolean => a.length === b.length && a.every((row, at) => sameBytes(row, b[at] as Buffer));

/** Consecutive blocks of the given heights. */
export function cut(rows: Rows, heights: readonly number[]): Rows[] {
  let end = 0;
  return heights.map((height) => {
    end += height;
    return rows.slice(end - height, end);
  });
}

/** Consecutive blocks of one height. */
export const parts = (rows: Rows, count: number): Rows[] =>
  cut(
    rows,
    Array.from({ length: count }, () => rows.length / count),
  );

/** A matrix's columns in equal parts, each part's rows one after another. */
export const columnParts = (rows: Rows, count: number): Rows[] => {
  const cutRows = rows.map((row) => cutBytes(row, count));
  return Array.from({ length: count }, (_, part) => cutRows.map((row) => row[part] as Buffer));
};

/** Half-split to adjacent pairs in each head of `headDim` rows: pair p of half h moves from p + h·d/2 to 2p + h. */
export const interleave = (rows: Rows, headDim: number): Rows => rows.map((_, at) => rows[halfSplitRow(at, headDim)] as Buffer);

/** Adjacent pairs to half-split. */
export function separate(rows: Rows, headDim: number): Rows {
  const out = [...rows];
  rows.forEach((row, at) => (out[halfSplitRow(at, headDim)] = row));
  return out;
}

function halfSplitRow(at: number, headDim: number): number {
  const within = at % headDim;
  return at - within + (within >> 1) + (within % 2) * (headDim / 2);
}

/** Whether one is the other with rows for columns. @param size - rows, and as many columns, of row-major matrices */
export function isTransposed(a: Buffer, b: Buffer, size: number, itemBytes: number): boolean {
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const from = (row * size + column) * itemBytes;
      const to = (column * size + row) * itemBytes;
      for (let byte = 0; byte < itemBytes; byte++) if (a[from + byte] !== b[to + byte]) return false;
    }
  }
  return true;
}
