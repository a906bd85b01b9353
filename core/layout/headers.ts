// Reads the headers of many safetensors files, a few at a time.

import { PREFIX_BYTES, parseHeader, parsePrefix } from "../format/safetensors.js";
import { inParallel } from "../parallel.js";
import type { Store } from "../store/store.js";
import type { CheckpointFile } from "./layout.js";

/** Opening a file costs a round trip to the disk; more at once gain nothing on one machine. */
const HEADERS_AT_ONCE = 16;
/** One read gets the prefix and, of nearly every file, the whole header. */
const FIRST_READ_BYTES = 16 * 1024;

/** @throws {FormatError | StorageError} for the first file that is no sound safetensors file */
export function readHeaders(store: Store, paths: readonly string[]): Promise<CheckpointFile[]> {
  return inParallel(paths, HEADERS_AT_ONCE, (path) => readHeader(store, path));
}

async function readHeader(store: Store, path: string): Promise<CheckpointFile> {
  const file = await store.open(path);
  try {
    const { byteLength } = file;
    let head = new Uint8Array(Math.min(FIRST_READ_BYTES, byteLength));
    await file.read(head, 0);
    const headerLength = parsePrefix(head, byteLength, path);
    const end = PREFIX_BYTES + headerLength;
    if (end > head.byteLength) {
      const whole = new Uint8Array(end);
      whole.set(head);
      await file.read(whole.subarray(head.byteLength), head.byteLength);
      head = whole;
    }
    return { path, byteLength, header: parseHeader(head.subarray(PREFIX_BYTES, end), byteLength, path) };
  } finally {
    await file.close();
  }
}
