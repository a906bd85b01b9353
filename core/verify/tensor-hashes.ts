// A content hash of every tensor in one order of bytes, Hugging Face's, so that checkpoints of any layout and topology compare by it.

import { CancelledError } from "../errors.js";
import { gather } from "../lanes/gather.js";
import { lanesOf } from "../lanes/lanes.js";
import { Grown, readSpans, spanBytes } from "../lanes/span-io.js";
import { tilesOf } from "../lanes/tiles.js";
import { drain } from "../parallel.js";
import type { Plan } from "../plan/plan.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import { hashChunk, TensorHash } from "./chunk-hash.js";

export interface TensorDigest {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** SHA-256, in hex, of the SHA-256 of each MiB of the tensor's row-major bytes, one after another. */
  readonly sha256: string;
}

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every tile with the bytes read so far. */
  readonly onHashed?: ((bytes: number) => void) | undefined;
}

/** Two cores hash 3 GB/s; more lanes keep the disk busy meanwhile. */
const WORKERS = 8;

/**
 * @param plan - from a checkpoint to one virtual file for each tensor, that has its bytes from 0 on
 * @returns by tensor name
 * @throws {StorageError | CancelledError}
 */
export async function hashTensors(store: Store, plan: Plan, options: HashOptions = {}): Promise<Map<string, TensorDigest>> {
  const files = new OpenFiles(store);
  const paths = plan.sources.map(({ path }) => path);
  const hashes = plan.targets.map(({ byteLength }) => new TensorHash(byteLength, hashChunk));
  const lanes = lanesOf(plan.segments);
  const buffers = Array.from({ length: WORKERS }, () => ({ read: new Grown(), whole: new Grown() }));
  let bytes = 0;
  try {
    await drain(
      WORKERS,
      () => lanes.shift(),
      async (lane, worker) => {
        const { read, whole } = buffers[worker] as (typeof buffers)[number];
        for (const tile of tilesOf(lane)) {
          if (options.signal?.aborted === true) throw new CancelledError("cancelled while hashing; nothing was written");
          const from = read.sized(spanBytes(tile.reads));
          await readSpans(files, paths, tile.reads, from);
          const into = tile.copies.length === 0 ? from : whole.sized(spanBytes(tile.writes));
          if (into !== from) gather(tile, from, into, "");
          let end = 0;
          for (const { file, byteOffset, byteLength } of tile.writes) {
            end += byteLength;
            await hashes[file]?.add(into.subarray(end - byteLength, end), byteOffset);
          }
          bytes += into.byteLength;
          options.onHashed?.(bytes);
        }
      },
    );
  } finally {
    await files.close();
  }
  const digests = new Map<string, TensorDigest>();
  for (const [file, { tensors }] of plan.targets.entries()) {
    const [tensor] = tensors;
    if (tensor === undefined) continue;
    digests.set(tensor.name, { dtype: tensor.dtype, shape: tensor.shape, sha256: (await hashes[file]?.digest()) ?? "" });
  }
  return digests;
}
