// Puts a tile together in memory: the bytes read, laid end to end, become the bytes to write, laid end to end.

import { targetLength } from "../plan/coverage.js";
import { castRun } from "../tensor/cast.js";
import type { Tile } from "./tiles.js";

/** @param where - the tensor's name, for a value that a cast cannot hold @throws {UnsupportedError} there is one */
export function gather({ copies, cast }: Tile, read: Uint8Array, into: Uint8Array, where: string): void {
  for (const { from, to, byteLength, count, fromStride, toStride } of copies) {
    const targetRun = targetLength(byteLength, cast);
    if (count > 1 && fromStride === byteLength && toStride === targetRun) {
      put(read.subarray(from, from + count * byteLength), to);
      continue;
    }
    for (let run = 0; run < count; run++) {
      const start = from + run * fromStride;
      put(read.subarray(start, start + byteLength), to + run * toStride);
    }
  }

  function put(bytes: Uint8Array, at: number): void {
    into.set(cast === undefined ? bytes : castRun(bytes, cast.from, cast.to, where), at);
  }
}
