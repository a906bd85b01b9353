// A store in memory, for hundreds of small conversions, and for models of any size of which only the headers exist.

import { StorageError } from "../errors.js";
import type { FileStatus, ReadableFile, Store, WritableFile } from "../store/store.js";

export class MemoryStore implements Store {
  readonly files = new Map<string, Uint8Array>();
  /** Files longer than their bytes; zeros follow. */
  private readonly sparse = new Map<string, number>();

  /** A file of which only the beginning takes memory. */
  addSparse(path: string, beginning: Uint8Array, byteLength: number): void {
    this.files.set(path, beginning);
    this.sparse.set(path, byteLength);
  }

  private lengthOf(path: string, bytes: Uint8Array): number {
    return this.sparse.get(path) ?? bytes.byteLength;
  }

  async status(path: string): Promise<FileStatus | undefined> {
    const file = this.files.get(path);
    if (file !== undefined) return { kind: "file", byteLength: this.lengthOf(path, file), modifiedMs: 0, device: 0 };
    const isFolder = path === "/" || [...this.files.keys()].some((name) => name.startsWith(`${path}/`));
    return isFolder ? { kind: "folder", byteLength: 0, modifiedMs: 0, device: 0 } : undefined;
  }

  async list(path: string): Promise<string[]> {
    const below = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(below.map((name) => name.slice(path.length + 1).split("/")[0] ?? ""))].sort();
  }

  async open(path: string): Promise<ReadableFile> {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new StorageError(`cannot open ${path}`);
    const byteLength = this.lengthOf(path, bytes);
    return {
      byteLength,
      read: async (buffer, position) => {
        if (position + buffer.byteLength > byteLength) throw new StorageError(`${path} is too short`);
        const found = bytes.subarray(position, position + buffer.byteLength);
        buffer.fill(0, found.byteLength);
        buffer.set(found);
      },
      close: async () => undefined,
    };
  }

  async create(path: string): Promise<WritableFile> {
    if (this.files.has(path)) {
      throw new StorageError(`${path} exists`, { cause: Object.assign(new Error("file already exists"), { code: "EEXIST" }) });
    }
    this.files.set(path, new Uint8Array(0));
    return this.update(path);
  }

  async update(path: string): Promise<WritableFile> {
    if (!this.files.has(path)) throw new StorageError(`cannot open ${path}`);
    return {
      write: async (buffer, position) => {
        const old = this.files.get(path) ?? new Uint8Array(0);
        const bytes = position + buffer.byteLength > old.byteLength ? new Uint8Array(position + buffer.byteLength) : old;
        if (bytes !== old) bytes.set(old);
        bytes.set(buffer, position);
        this.files.set(path, bytes);
      },
      sync: async () => undefined,
      close: async () => undefined,
    };
  }

  async syncFolder(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    for (const [path, bytes] of [...this.files]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.files.delete(path);
      this.files.set(to + path.slice(from.length), bytes);
    }
  }

  async remove(path: string): Promise<void> {
    for (const name of [...this.files.keys()]) if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }

  async makeFolder(): Promise<void> {}

  async realPath(path: string): Promise<string> {
    return path;
  }

  async freeBytes(): Promise<number> {
    return 1e12;
  }
}
