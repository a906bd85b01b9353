// Matrices as rows of bytes: all that a conversion does to a weight, right or wrong, is to move them.

import type { StoredBytes } from "./checkpoint-files.js";

export type Rows = readonly Buffer[];

export function rowsOf(bytes: Buffer, count: number): Rows {
  const length = bytes.length / count;
  return Array.from({ length: count }, (_, row) => bytes.subarray(row * length, (row + 1) * length));
}

export const readRows = (tensor: StoredBytes): Rows => rowsOf(tensor.read(), tensor.shape[0] ?? 1);

export const writeRows = (tensor: StoredBytes, rows: Rows): void => tensor.write(Buffer.concat(rows));

/** Cut rows into consecutive blocks of the given heights. */
export function cut(rows: Rows, heights: readonly number[]): Rows[] {
  let start = 0;
  return heights.map((height) => {
    start += height;
    return rows.slice(start - height, start);
  });
}

export const equalParts = (rows: Rows, count: number): Rows[] =>
  cut(
    rows,
    Array.from({ length: count }, () => rows.length / count),
  );

/** Matrices side by side. */
export const besides = (parts: readonly Rows[]): Rows =>
  (parts[0] ?? []).map((_, row) => Buffer.concat(parts.map((part) => part[row] ?? Buffer.alloc(0))));

/** A matrix's columns in equal parts. */
export const columnParts = (rows: Rows, count: number): Rows[] =>
  Array.from({ length: count }, (_, part) =>
    rows.map((row) => row.subarray((part * row.length) / count, ((part + 1) * row.length) / count)),
  );

export const transposed = (rows: Rows, itemBytes: number): Rows =>
  rows.map((_, column) => Buffer.concat(rows.map((row) => row.subarray(column * itemBytes, (column + 1) * itemBytes))));

/** Half-split to adjacent pairs: pair p of half h moves from p + h·d/2 to 2p + h, in each head of d rows. */
export const interleave = (rows: Rows, headDim: number): Rows => rows.map((_, at) => rows[halfSplitIndex(at, headDim)] as Buffer);

/** The way back: adjacent pairs to half-split. */
export function separate(rows: Rows, headDim: number): Rows {
  const out = [...rows];
  rows.forEach((row, at) => (out[halfSplitIndex(at, headDim)] = row));
  return out;
}

function halfSplitIndex(at: number, headDim: number): number {
  const within = at % headDim;
  return at - within + (within >> 1) + (within % 2) * (headDim / 2);
}
