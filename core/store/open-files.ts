// Many files to read from, each opened at its first read and kept open, but not too many at once. Reads may overlap.

import { StorageError, type WeighbridgeError } from "../errors.js";
import type { ReadableFile, Store } from "./store.js";

/** Well under the usual limit of 1024 open files of a process. */
const MAX_IDLE = 128;

interface Entry {
  readonly file: Promise<ReadableFile>;
  /** Reads under way; a file is closed only when there are none. */
  readers: number;
}

export class OpenFiles {
  /** The least recently used first. */
  private readonly entries = new Map<string, Entry>();
  private closed = false;

  /**
   * @param maxIdle - files kept open between reads
   * @param whenClosed - what a read after `close` throws, in the owner's words
   */
  constructor(
    private readonly store: Store,
    private readonly maxIdle = MAX_IDLE,
    private readonly whenClosed: (path: string) => WeighbridgeError = (path) =>
      new StorageError(`${path}: read after its files were closed`),
  ) {}

  /** @throws {StorageError} the file cannot be opened, or ends before the buffer is full */
  async read(path: string, buffer: Uint8Array, byteOffset: number): Promise<void> {
    if (this.closed) throw this.whenClosed(path);
    const entry = this.entries.get(path) ?? { file: this.store.open(path), readers: 0 };
    this.entries.delete(path);
    this.entries.set(path, entry);
    entry.readers++;
    try {
      await (await entry.file).read(buffer, byteOffset);
    } catch (error) {
      await this.forget(path, entry);
      throw error;
    } finally {
      entry.readers--;
      if (this.closed || this.entries.size > this.maxIdle) await this.closeIdle(this.closed ? 0 : this.maxIdle);
    }
  }

  /** Files that are being read are closed when their reads end. */
  async close(): Promise<void> {
    this.closed = true;
    await this.closeIdle(0);
  }

  private async closeIdle(keep: number): Promise<void> {
    const idle = [...this.entries].filter(([, { readers }]) => readers === 0);
    const surplus = idle.slice(0, Math.max(0, idle.length - keep));
    // All leave the map before the first wait, so that nobody starts to read one that is about to be closed.
    for (const [path] of surplus) this.entries.delete(path);
    await Promise.all(surplus.map(async ([, { file }]) => (await file).close()));
  }

  /** A file that could not be opened is tried anew next time. */
  private async forget(path: string, entry: Entry): Promise<void> {
    const opened = await entry.file.then(
      () => true,
      () => false,
    );
    if (!opened && this.entries.get(path) === entry) this.entries.delete(path);
  }
}
