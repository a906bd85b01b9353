// Reads a weight in blocks of whole rows, the next block while the caller works on this one. Two blocks are all that is in memory.

import { ExecutorError } from "../../errors.js";
import type { OpenFiles } from "../../store/open-files.js";
import { itemSize } from "../../tensor/dtype.js";
import { expand } from "../../tensor/expand.js";
import { numElements } from "../../tensor/shape.js";
import type { Weight } from "../executor.js";

/** Stored bytes of one block: large enough to read at the disk's speed, small against any machine's memory. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/** Rows [firstRow, firstRow + rows) of a weight as they are stored; the bytes are shared memory, valid until the next block. */
export interface Block {
  readonly firstRow: number;
  readonly rows: number;
  readonly bytes: Uint8Array;
}

/** Shared memory, so that threads can work on it. @throws {ExecutorError} there is none left */
export function allocate(what: string, numElements: number): Float32Array {
  return new Float32Array(allocateBytes(what, numElements * 4));
}

/** As `allocate`, for sums that are wider than their result. */
export function allocateSums(what: string, numElements: number): Float64Array {
  return new Float64Array(allocateBytes(what, numElements * 8));
}

function allocateBytes(what: string, byteLength: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(byteLength);
  } catch (cause) {
    throw new ExecutorError(`${what}: no memory for ${byteLength} bytes`, { cause, hint: "use fewer tokens" });
  }
}

/** The whole of a weight that is small: a norm's, a bias. */
export async function readWhole(files: OpenFiles, weight: Weight): Promise<Float32Array> {
  const bytes = new Uint8Array(weight.byteLength);
  await files.read(weight.file, bytes, weight.byteOffset);
  const values = new Float32Array(numElements(weight.shape));
  expand(bytes, weight.dtype, values);
  return values;
}

/** Row `row` of a weight [rows, columns], expanded into `into`. */
export async function readRow(files: OpenFiles, weight: Weight, row: number, into: Float32Array): Promise<void> {
  const bytes = new Uint8Array(into.length * itemSize(weight.dtype));
  await files.read(weight.file, bytes, weight.byteOffset + row * bytes.length);
  expand(bytes, weight.dtype, into);
}

/** Hand the blocks of a weight [rows, columns] to `use`, in order, one at a time. */
export async function forEachBlock(files: OpenFiles, weight: Weight, use: (block: Block) => Promise<void>): Promise<void> {
  const [rows, columns] = weight.shape as [number, number];
  const rowBytes = columns * itemSize(weight.dtype);
  const blockRows = Math.min(rows, Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)));
  const buffers = [0, 1].map(() => new Uint8Array(allocateBytes(weight.file, blockRows * rowBytes)));
  const read = async (index: number): Promise<Block> => {
    const firstRow = index * blockRows;
    const block = { firstRow, rows: Math.min(blockRows, rows - firstRow) };
    const bytes = (buffers[index % 2] as Uint8Array).subarray(0, block.rows * rowBytes);
    await files.read(weight.file, bytes, weight.byteOffset + firstRow * rowBytes);
    return { ...block, bytes };
  };
  const numBlocks = Math.ceil(rows / blockRows);
  let next = read(0);
  for (let index = 0; index < numBlocks; index++) {
    const block = await next;
    if (index + 1 < numBlocks) next = read(index + 1);
    // A failed read is met at the next turn, unless `use` fails before.
    next.catch(() => {});
    await use(block);
  }
}
