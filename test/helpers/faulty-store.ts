// A local store in which one call fails, as a disk would fail it.

import { StorageError } from "../../core/index.js";
import { FileStore } from "../../core/store/file-store.js";
import type { FileStatus, ReadableFile, Store, WritableFile } from "../../core/store/store.js";

export interface Fault {
  /** The call that fails: the n-th (from 0) of its kind, reads and writes of whole buffers, creations and renames each by themselves. */
  readonly kind: "read" | "write" | "create" | "rename" | "open" | "remove";
  readonly at: number;
  /** After it failed, all later calls of its kind fail too, as on a full disk. */
  readonly lasting?: boolean;
}

const REASONS: Record<Fault["kind"], [code: string, what: string, hint: string]> = {
  write: ["ENOSPC", "no space left on device", "free some space or choose another disk"],
  create: ["ENOSPC", "no space left on device", "free some space or choose another disk"],
  remove: ["EACCES", "permission denied", "check the permissions"],
  rename: ["EACCES", "permission denied", "check the permissions"],
  read: ["EIO", "i/o error", "check the disk"],
  open: ["ENOENT", "no such file or directory", "the source vanished"],
};

export class FaultyStore implements Store {
  private readonly files = new FileStore();
  /** Calls so far, by kind: a run without a fault tells how many there are. */
  readonly calls: Record<Fault["kind"], number> = { read: 0, write: 0, create: 0, rename: 0, open: 0, remove: 0 };

  constructor(
    private readonly fault?: Fault,
    private readonly free?: number,
  ) {}

  private pass(kind: Fault["kind"], path: string): void {
    const call = this.calls[kind]++;
    if (kind !== this.fault?.kind) return;
    if (call !== this.fault.at && !(this.fault.lasting === true && call > this.fault.at)) return;
    const [code, what, hint] = REASONS[kind];
    throw new StorageError(`cannot ${kind} ${path}: ${what}`, { cause: Object.assign(new Error(what), { code }), hint });
  }

  async open(path: string): Promise<ReadableFile> {
    this.pass("open", path);
    const file = await this.files.open(path);
    const read = async (buffer: Uint8Array, position: number) => {
      this.pass("read", path);
      await file.read(buffer, position);
    };
    return { byteLength: file.byteLength, read, close: () => file.close() };
  }

  async create(path: string): Promise<WritableFile> {
    this.pass("create", path);
    const file = await this.files.create(path);
    const write = async (buffer: Uint8Array, position: number) => {
      this.pass("write", path);
      await file.write(buffer, position);
    };
    const sync = async () => {
      this.pass("write", path);
      await file.sync();
    };
    return { write, sync, close: () => file.close() };
  }

  update = (path: string): Promise<WritableFile> => this.files.update(path);
  syncFolder = (path: string): Promise<void> => this.files.syncFolder(path);

  async rename(from: string, to: string): Promise<void> {
    this.pass("rename", to);
    await this.files.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.pass("remove", path);
    await this.files.remove(path);
  }

  status = (path: string): Promise<FileStatus | undefined> => this.files.status(path);
  realPath = (path: string): Promise<string> => this.files.realPath(path);
  list = (path: string): Promise<string[]> => this.files.list(path);
  makeFolder = (path: string): Promise<void> => this.files.makeFolder(path);
  freeBytes = async (path: string): Promise<number> => this.free ?? (await this.files.freeBytes(path));
}
