// Many files to read from or to write to, each opened when it is first needed and kept open, but not too many at once.

import { StorageError, type WeighbridgeError } from "../errors.js";
import type { ReadableFile, Store, WritableFile } from "./store.js";

/** Well under the usual limit of 1024 open files of a process. */
const MAX_IDLE = 128;

interface Entry<F> {
  readonly file: Promise<F>;
  /** Calls under way; a file is closed only when there are none. */
  users: number;
}

class KeptOpen<F extends { close(): Promise<void> }> {
  /** The least recently used first. */
  private readonly entries = new Map<string, Entry<F>>();
  private closed = false;

  constructor(
    private readonly open: (path: string) => Promise<F>,
    private readonly maxIdle: number,
    private readonly whenClosed: (path: string) => WeighbridgeError,
  ) {}

  /** Calls may overlap. */
  protected async use(path: string, action: (file: F) => Promise<void>): Promise<void> {
    if (this.closed) throw this.whenClosed(path);
    const entry = this.entries.get(path) ?? { file: this.open(path), users: 0 };
    this.entries.delete(path);
    this.entries.set(path, entry);
    entry.users++;
    try {
      await action(await entry.file);
    } catch (error) {
      await this.forget(path, entry);
      throw error;
    } finally {
      entry.users--;
      if (this.closed || this.entries.size > this.maxIdle) await this.closeIdle(this.closed ? 0 : this.maxIdle);
    }
  }

  /** Files in use are closed when their calls end. @throws {StorageError} a file's last bytes could not be written */
  async close(): Promise<void> {
    this.closed = true;
    await this.closeIdle(0);
  }

  private async closeIdle(keep: number): Promise<void> {
    const idle = [...this.entries].filter(([, { users }]) => users === 0);
    const surplus = idle.slice(0, Math.max(0, idle.length - keep));
    // All leave the map before the first wait, so that nobody starts to use one that is about to be closed.
    for (const [path] of surplus) this.entries.delete(path);
    await Promise.all(surplus.map(async ([, { file }]) => (await file).close()));
  }

  /** A file that could not be opened is tried anew next time. */
  private async forget(path: string, entry: Entry<F>): Promise<void> {
    const opened = await entry.file.then(
      () => true,
      () => false,
    );
    if (!opened && this.entries.get(path) === entry) this.entries.delete(path);
  }
}

export class OpenFiles extends KeptOpen<ReadableFile> {
  /**
   * @param maxIdle - files kept open between reads
   * @param whenClosed - what a read after `close` throws, in the owner's words
   */
  constructor(
    store: Pick<Store, "open">,
    maxIdle = MAX_IDLE,
    whenClosed: (path: string) => WeighbridgeError = (path) => new StorageError(`${path}: read after its files were closed`),
  ) {
    super((path) => store.open(path), maxIdle, whenClosed);
  }

  /** @throws {StorageError} the file cannot be opened, or ends before the buffer is full */
  read(path: string, buffer: Uint8Array, byteOffset: number): Promise<void> {
    return this.use(path, (file) => file.read(buffer, byteOffset));
  }
}

/** Files that are there already, to be written into. */
export class OpenTargets extends KeptOpen<WritableFile> {
  constructor(store: Pick<Store, "update">, maxIdle = MAX_IDLE) {
    super(
      (path) => store.update(path),
      maxIdle,
      (path) => new StorageError(`${path}: written after its files were closed`),
    );
  }

  /** @throws {StorageError} the file cannot be opened, or there is no space */
  write(path: string, buffer: Uint8Array, byteOffset: number): Promise<void> {
    return this.use(path, (file) => file.write(buffer, byteOffset));
  }
}
