// Several files to read from, each opened at its first read and kept open, but not too many at once.

import type { ReadableFile, Store } from "./store.js";

/** Well under the usual limit of 1024 open files of a process. */
const MAX_OPEN = 256;

export class OpenFiles {
  private readonly open = new Map<number, ReadableFile>();

  /** @param paths - a read names its file by the index in here */
  constructor(
    private readonly store: Store,
    private readonly paths: readonly string[],
  ) {}

  /** @throws {StorageError} the file cannot be opened, or ends before the range does */
  async read(file: number, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(byteLength);
    await (await this.handle(file)).read(bytes, byteOffset);
    return bytes;
  }

  private async handle(file: number): Promise<ReadableFile> {
    const found = this.open.get(file);
    if (found !== undefined) return found;
    const [oldest] = this.open;
    if (oldest !== undefined && this.open.size >= MAX_OPEN) {
      this.open.delete(oldest[0]);
      await oldest[1].close();
    }
    const opened = await this.store.open(this.paths[file] ?? "");
    this.open.set(file, opened);
    return opened;
  }

  async close(): Promise<void> {
    const handles = [...this.open.values()];
    this.open.clear();
    for (const handle of handles) await handle.close();
  }
}
