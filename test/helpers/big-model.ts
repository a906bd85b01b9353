// A large Hugging Face checkpoint with Llama 3 8B's true widths, as many layers as asked for, and random bytes.

import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "./random-llama.js";
import { writeSparseModel } from "./sparse-model.js";

const WIDTHS_8B = { hidden: 4096, ffn: 14336, heads: 32, kvHeads: 8, vocab: 128256 };
/** Embedding and head, and one layer, in bytes of BF16. */
const FIXED_BYTES = 2 * 128256 * 4096 * 2 + 4096 * 2;
const LAYER_BYTES = 2 * (4096 * 4096 * 2 + 1024 * 4096 * 2 + 3 * 14336 * 4096 + 2 * 4096);
const PIECE = 8 * 1024 * 1024;

/** Four of about one size, or fewer: the embedding alone is one. */
export const shardBytesOf = (bytes: number): number => Math.max(1.1e9, bytes / 4);

/** @param bytes - about how large; at least one layer @returns the weights' bytes */
export function writeBigModel(folder: string, bytes: number): number {
  const layers = Math.max(1, Math.round((bytes - FIXED_BYTES) / LAYER_BYTES));
  const { totalBytes } = writeSparseModel(folder, { ...WIDTHS_8B, layers }, shardBytesOf(bytes));
  const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8")) as { weight_map: Record<string, string> };
  for (const [number, name] of [...new Set(Object.values(index.weight_map))].entries()) fillWithRandom(join(folder, name), number);
  return totalBytes;
}

/** Real bytes after the header: holes would be copied for nothing. */
function fillWithRandom(path: string, seed: number): void {
  const handle = openSync(path, "r+");
  const prefix = Buffer.alloc(8);
  readSync(handle, prefix, 0, 8, 0);
  const header = Buffer.alloc(Number(prefix.readBigUInt64LE(0)));
  readSync(handle, header, 0, header.byteLength, 8);
  const { __metadata__: _, ...entries } = JSON.parse(header.toString()) as Record<string, { data_offsets: [number, number] }>;
  const end = Math.max(...Object.values(entries).map((entry) => entry.data_offsets[1]));
  const block = randomBytes(PIECE, seed);
  for (let done = 0; done < end; done += PIECE) {
    block.set(randomBytes(64, seed * 1000 + done / PIECE)); // no two blocks alike
    writeSync(handle, block, 0, Math.min(PIECE, end - done), 8 + header.byteLength + done);
  }
  closeSync(handle);
}
