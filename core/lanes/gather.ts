// Puts a tile together in memory: the bytes read, laid end to end, become the bytes to write, laid end to end.

import { targetLength } from "../plan/coverage.js";
import { castRun } from "../tensor/cast.js";
import { itemSize } from "../tensor/dtype.js";
import { copyElements } from "./elements.js";
import type { Copy, Tile } from "./tiles.js";

/** @param where - the tensor's name, for a value that a cast cannot hold @throws {UnsupportedError} there is one */
export function gather({ copies, cast }: Tile, read: Uint8Array, into: Uint8Array, where: string): void {
  const isElement = (byteLength: number) => (cast === undefined ? byteLength <= 4 : byteLength === itemSize(cast.from));
  for (const copy of copies) {
    const { from, to, byteLength, count, fromStride, toStride } = copy;
    const targetRun = targetLength(byteLength, cast);
    if (count > 1 && fromStride === byteLength && toStride === targetRun) {
      put(read.subarray(from, from + count * byteLength), to);
      continue;
    }
    if (count > 1 && isElement(byteLength)) {
      putElements(copy);
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

  /** Elements that do not lie side by side are cast side by side. */
  function putElements({ from, to, byteLength, count, fromStride, toStride }: Copy): void {
    const taken = { bytes: read, start: from, stride: fromStride };
    const placed = { bytes: into, start: to, stride: toStride };
    if (cast === undefined) {
      copyElements(taken, placed, count, byteLength);
      return;
    }
    const side = new Uint8Array(count * byteLength);
    copyElements(taken, { bytes: side, start: 0, stride: byteLength }, count, byteLength);
    const item = itemSize(cast.to);
    copyElements({ bytes: castRun(side, cast.from, cast.to, where), start: 0, stride: item }, placed, count, item);
  }
}
