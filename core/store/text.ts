// Whole small files as text, through a store's ranged reads and writes.

import { StorageError } from "../errors.js";
import { MAX_DOCUMENT_BYTES } from "../format/json.js";
import type { Store } from "./store.js";

/** @throws {StorageError} the file is missing, or larger than any document should be */
export async function readText(store: Store, path: string): Promise<string> {
  return new TextDecoder().decode(await readWhole(store, path, MAX_DOCUMENT_BYTES));
}

export async function readWhole(store: Store, path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await store.open(path);
  try {
    if (file.byteLength > maxBytes) {
      throw new StorageError(`${path}: expected at most ${maxBytes} bytes, found ${file.byteLength}`);
    }
    const bytes = new Uint8Array(file.byteLength);
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

export const writeText = (store: Store, path: string, text: string): Promise<void> =>
  writeWhole(store, path, new TextEncoder().encode(text));

/** Write a small file in the place of what an earlier run may have left there. */
export async function writeAnew(store: Store, path: string, bytes: Uint8Array | string): Promise<void> {
  if ((await store.status(path)) !== undefined) await store.remove(path);
  await writeWhole(store, path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
}

/** Write a small file that is not there yet. */
export async function writeWhole(store: Store, path: string, bytes: Uint8Array): Promise<void> {
  const file = await store.create(path);
  try {
    await file.write(bytes, 0);
  } finally {
    await file.close();
  }
}
