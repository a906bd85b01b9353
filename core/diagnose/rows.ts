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

/** @param bytes - a row-major matrix */
export function transposed(bytes: Buffer, rows: number, columns: number, itemBytes: number): Buffer {
  const out = Buffer.alloc(bytes.byteLength);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * itemBytes;
      const to = (column * rows + row) * itemBytes;
      for (let byte = 0; byte < itemBytes; byte++) out[to + byte] = bytes[from + byte] as number;
    }
  }
  return out;
}
