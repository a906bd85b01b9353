// The weights' files, opened when first read, a bounded number kept open between reads.

import { ExecutorError } from "../../errors.js";
import type { ReadableFile, Store } from "../../store/store.js";

/** A layer's weights lie in one to some ten files; systems give a process 256 open files or more. */
const MAX_IDLE_FILES = 16;

interface Entry {
  readonly file: Promise<ReadableFile>;
  /** Reads under way; a file is closed only when there are none. */
  readers: number;
}

export class OpenFiles {
  /** The least recently used first. */
  private readonly entries = new Map<string, Entry>();
  private closed = false;

  constructor(private readonly store: Store) {}

  /** @throws {StorageError} the file cannot be opened, or ends before the buffer is full */
  async read(path: string, buffer: Uint8Array, position: number): Promise<void> {
    if (this.closed) throw new ExecutorError("the cpu executor was closed", { hint: "open another one" });
    const entry = this.entries.get(path) ?? { file: this.store.open(path), readers: 0 };
    this.entries.delete(path);
    this.entries.set(path, entry);
    entry.readers++;
    try {
      await (await entry.file).read(buffer, position);
    } catch (error) {
      await this.forget(path, entry);
      throw error;
    } finally {
      entry.readers--;
      await this.closeIdle(this.closed ? 0 : MAX_IDLE_FILES);
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
