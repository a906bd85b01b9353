// A 4-layer checkpoint with Llama 3 8B's true widths and random bytes, 3.8 GB: to Nanotron TP 2 with interleaved RoPE and back,
// compared by SHA-256 of every tensor. Run with `npm run test:large`; needs 12 GB of free disk and some minutes.

import { createHash } from "node:crypto";
import { mkdtempSync, openSync, readSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "../../core/index.js";
import { randomBytes } from "../helpers/random-llama.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const WIDTHS = { hidden: 4096, ffn: 14336, layers: 4, heads: 32, kvHeads: 8, vocab: 128256 };
const PIECE = 8 * 1024 * 1024;

/** A hash of each tensor's bytes. */
async function hashes(folder: string): Promise<Map<string, string>> {
  const { tensors } = await createEngine().inspect(folder);
  const found = new Map<string, string>();
  const buffer = Buffer.alloc(PIECE);
  for (const file of new Set(tensors.map((tensor) => tensor.file))) {
    const handle = openSync(join(folder, file), "r");
    readSync(handle, buffer, 0, 8, 0);
    let at = 8 + Number(buffer.readBigUInt64LE(0));
    for (const { name, bytes } of tensors.filter((tensor) => tensor.file === file)) {
      const hash = createHash("sha256");
      for (let done = 0; done < bytes; done += PIECE) {
        const length = Math.min(PIECE, bytes - done);
        readSync(handle, buffer, 0, length, at + done);
        hash.update(buffer.subarray(0, length));
      }
      at += bytes;
      found.set(name, hash.digest("hex"));
    }
  }
  return found;
}

async function fillWithRandomBytes(folder: string): Promise<void> {
  const { tensors } = await createEngine().inspect(folder);
  let seed = 1;
  for (const file of new Set(tensors.map((tensor) => tensor.file))) {
    const handle = openSync(join(folder, file), "r+");
    const prefix = Buffer.alloc(8);
    readSync(handle, prefix, 0, 8, 0);
    let at = 8 + Number(prefix.readBigUInt64LE(0));
    let left = tensors.filter((tensor) => tensor.file === file).reduce((sum, { bytes }) => sum + bytes, 0);
    for (; left > 0; left -= PIECE, at += PIECE)
      writeSync(handle, randomBytes(Math.min(PIECE, left), seed++), 0, Math.min(PIECE, left), at);
  }
}

const { bavail, bsize } = statfsSync(tmpdir());
if (bavail * bsize < 12e9) {
  console.log(`skipped: 12 GB of free disk needed in ${tmpdir()}, found ${(bavail * bsize) / 1e9} GB`);
} else {
  const scratch = mkdtempSync(join(tmpdir(), "weighbridge-large-"));
  try {
    const [source, there, back] = ["source", "nanotron", "back"].map((name) => join(scratch, name)) as [string, string, string];
    const { totalBytes } = writeSparseModel(source, WIDTHS);
    await fillWithRandomBytes(source);
    const engine = createEngine();
    for (const [from, to, options] of [
      [source, there, { to: "nanotron", tp: 2, pp: 2, ropeInterleaved: true }],
      [there, back, { to: "huggingface" }],
    ] as const) {
      const start = performance.now();
      await engine.convert(from, to, options);
      console.log(`${options.to}: converted and compared ${totalBytes} bytes in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    }
    const [expected, found] = [await hashes(source), await hashes(back)];
    const different = [...expected].filter(([name, hash]) => found.get(name) !== hash).map(([name]) => name);
    console.log(
      `${expected.size - different.length} of ${expected.size} tensors come back with the source's SHA-256; peak memory ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`,
    );
    process.exitCode = different.length === 0 && found.size === expected.size ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
