// A tensor as a text of symbols, one for each of its rows or columns, in which others are looked for. A row's symbol is a hash
// of its bytes, so that a model of any size takes 16 bytes for each of its rows; an element of a vector is its own symbol.

import { createHash } from "node:crypto";
import { CancelledError } from "../errors.js";
import type { OpenFiles } from "../store/open-files.js";
import { itemSize } from "../tensor/dtype.js";
import { readBlock } from "./read-block.js";
import type { View } from "./view.js";

/** Half of a SHA-256: two different rows of the same hash are not to be expected anywhere, ever. */
const HASH_BYTES = 16;
/** Read at once; several times the widest row there is. */
const BLOCK_BYTES = 16 * 1024 * 1024;
/** A block of columns is read row by row: less than a page of each would waste most of what the disk gives. */
const MIN_RUN_BYTES = 4096;

/** The axis along which lines are counted: rows along axis 0, columns along axis 1. */
export type Axis = 0 | 1;

export interface Lines {
  readonly count: number;
  readonly symbolBytes: number;
  readonly bytes: Buffer;
  /** Lines of different kinds cannot be equal: what a line is made of. */
  readonly kind: string;
}

export interface LineOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every read with its bytes. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/** @throws {StorageError | CancelledError} */
export function readLines(files: OpenFiles, view: View, axis: Axis, options: LineOptions): Promise<Lines> {
  return axis === 0 ? readRows(files, view, options) : readColumns(files, view, options);
}

const isVector = ({ shape }: View): boolean => shape.length < 2;

async function readRows(files: OpenFiles, view: View, options: LineOptions): Promise<Lines> {
  const item = itemSize(view.dtype);
  const rowBytes = view.columns * item;
  const atOnce = Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, rowBytes)));
  const symbolBytes = isVector(view) ? item : HASH_BYTES;
  const bytes = Buffer.alloc(view.rows * symbolBytes);
  for (let row = 0; row < view.rows; row += atOnce) {
    const rows = Math.min(atOnce, view.rows - row);
    const block = await readBlock(files, view, { row, rows, column: 0, columns: view.columns });
    if (isVector(view)) block.copy(bytes, row * item);
    else for (let at = 0; at < rows; at++) putHash(bytes, row + at, block.subarray(at * rowBytes, (at + 1) * rowBytes));
    afterRead(block.byteLength, options);
  }
  return { count: view.rows, symbolBytes, bytes, kind: kindOf(view, view.columns) };
}

async function readColumns(files: OpenFiles, view: View, options: LineOptions): Promise<Lines> {
  const item = itemSize(view.dtype);
  const columnBytes = view.rows * item;
  const atOnce = Math.max(Math.ceil(MIN_RUN_BYTES / item), Math.floor(BLOCK_BYTES / Math.max(1, columnBytes)));
  const bytes = Buffer.alloc(view.columns * HASH_BYTES);
  const line = Buffer.alloc(columnBytes);
  for (let column = 0; column < view.columns; column += atOnce) {
    const columns = Math.min(atOnce, view.columns - column);
    const block = await readBlock(files, view, { row: 0, rows: view.rows, column, columns });
    for (let at = 0; at < columns; at++) {
      for (let row = 0; row < view.rows; row++) block.copy(line, row * item, (row * columns + at) * item, (row * columns + at + 1) * item);
      putHash(bytes, column + at, line);
    }
    afterRead(block.byteLength, options);
  }
  return { count: view.columns, symbolBytes: HASH_BYTES, bytes, kind: kindOf(view, view.rows) };
}

function putHash(into: Buffer, line: number, content: Buffer): void {
  createHash("sha256")
    .update(content)
    .digest()
    .copy(into, line * HASH_BYTES, 0, HASH_BYTES);
}

function afterRead(bytes: number, { signal, onRead }: LineOptions): void {
  if (signal?.aborted === true) throw new CancelledError("cancelled while reading; nothing was written");
  onRead?.(bytes);
}

const kindOf = (view: View, length: number): string => `${view.dtype} ${isVector(view) ? "elements" : `lines of ${length}`}`;

export const symbolAt = ({ bytes, symbolBytes }: Lines, line: number): Buffer =>
  bytes.subarray(line * symbolBytes, (line + 1) * symbolBytes);

/** The lines of each head from half-split to interleaved RoPE order: pair p of half h moves from p + h·d/2 to 2p + h. */
export function interleaved(lines: Lines, headDim: number): Lines {
  const bytes = Buffer.alloc(lines.bytes.byteLength);
  const pairs = headDim / 2;
  for (let line = 0; line < lines.count; line++) {
    const within = line % headDim;
    const to = line - within + 2 * (within % pairs) + Math.floor(within / pairs);
    symbolAt(lines, line).copy(bytes, to * lines.symbolBytes);
  }
  return { ...lines, bytes };
}
