// The tree hash of one tensor, whose bytes may come in any order and in any pieces.

import { createHash, webcrypto } from "node:crypto";

/** Of a chunk: small enough that many are hashed at once, large enough to be worth a thread's attention. */
const CHUNK_BYTES = 1024 * 1024;

/** SHA-256 on one of Node's threads. */
export const hashChunk = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await webcrypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));

interface Chunk {
  readonly bytes: Uint8Array;
  missing: number;
}

export class TensorHash {
  private readonly digests: (Uint8Array | undefined)[];
  /** Chunks of which some bytes have come. */
  private readonly partial = new Map<number, Chunk>();

  constructor(
    private readonly byteLength: number,
    private readonly hash: (bytes: Uint8Array) => Promise<Uint8Array>,
  ) {
    this.digests = Array.from({ length: Math.ceil(byteLength / CHUNK_BYTES) });
  }

  /** Take bytes that were not given before; they may be changed once this has resolved. */
  async add(bytes: Uint8Array, byteOffset: number): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const at = byteOffset + done;
      const [number, start] = [Math.floor(at / CHUNK_BYTES), at % CHUNK_BYTES];
      const length = Math.min(CHUNK_BYTES - start, bytes.byteLength - done);
      await this.addToChunk(number, bytes.subarray(done, done + length), start);
      done += length;
    }
  }

  private async addToChunk(number: number, part: Uint8Array, start: number): Promise<void> {
    const size = Math.min(CHUNK_BYTES, this.byteLength - number * CHUNK_BYTES);
    if (part.byteLength === size) {
      this.digests[number] = await this.hash(part);
      return;
    }
    const chunk = this.partial.get(number) ?? { bytes: new Uint8Array(size), missing: size };
    this.partial.set(number, chunk);
    chunk.bytes.set(part, start);
    chunk.missing -= part.byteLength;
    if (chunk.missing > 0) return;
    this.partial.delete(number);
    this.digests[number] = await this.hash(chunk.bytes);
  }

  /** @returns hex */
  async digest(): Promise<string> {
    const hash = createHash("sha256");
    for (const [number, digest] of this.digests.entries()) {
      if (digest === undefined) throw new Error(`chunk ${number} of a tensor is incomplete: the plan was not proven`);
      hash.update(digest);
    }
    return hash.digest("hex");
  }
}
