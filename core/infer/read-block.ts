// Reads a rectangle of a whole tensor, from whichever files hold it.

import type { OpenFiles } from "../store/open-files.js";
import { itemSize } from "../tensor/dtype.js";
import type { Part, View } from "./view.js";

/** Half-open ranges of rows and columns, in elements. */
export interface Block {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/** @returns the block's elements, row-major @throws {StorageError} */
export async function readBlock(files: OpenFiles, view: View, block: Block): Promise<Buffer> {
  const into = Buffer.allocUnsafe(block.rows * block.columns * itemSize(view.dtype));
  for (const part of view.parts) await readPart(files, part, itemSize(view.dtype), block, into);
  return into;
}

/** A part's share of the block. Where whole stored rows are wanted they are read at once, else row by row. */
async function readPart(files: OpenFiles, part: Part, item: number, block: Block, into: Buffer): Promise<void> {
  const [firstRow, endRow] = overlap(part.row, part.rows, block.row, block.rows);
  const [firstColumn, endColumn] = overlap(part.column, part.columns, block.column, block.columns);
  if (firstRow >= endRow || firstColumn >= endColumn) return;
  const width = (endColumn - firstColumn) * item;
  const targetOf = (row: number) => ((row - block.row) * block.columns + firstColumn - block.column) * item;
  const sourceOf = (row: number) => {
    const storedRow = part.storedRow + row - part.row;
    return part.byteStart + (storedRow * part.storedColumns + part.storedColumn + firstColumn - part.column) * item;
  };
  if (endColumn - firstColumn === part.storedColumns) {
    const stored = Buffer.allocUnsafe((endRow - firstRow) * width);
    await files.read(part.path, stored, sourceOf(firstRow));
    for (let row = firstRow; row < endRow; row++) stored.copy(into, targetOf(row), (row - firstRow) * width, (row - firstRow + 1) * width);
    return;
  }
  for (let row = firstRow; row < endRow; row++) {
    await files.read(part.path, into.subarray(targetOf(row), targetOf(row) + width), sourceOf(row));
  }
}

const overlap = (startA: number, sizeA: number, startB: number, sizeB: number): [number, number] => [
  Math.max(startA, startB),
  Math.min(startA + sizeA, startB + sizeB),
];
