// The store of the local file system. Errors name the path and say what the system said.

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readlink, realpath, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StorageError } from "../errors.js";
import type { FileStatus, ReadableFile, Store, WritableFile } from "./store.js";
import { endsEarly, storageError } from "./system-error.js";

/** One read call takes at most this much on Linux (2 GiB minus a page). */
const MAX_READ_BYTES = 0x7ffff000;
/** Larger writes make the kernel look for larger runs of free memory for its cache: four times as slow, see test/bench/README.md. */
export const MAX_WRITE_BYTES = 1024 * 1024;

async function attempt<T>(what: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw storageError(what, path, cause);
  }
}

class OpenFile implements ReadableFile, WritableFile {
  constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
    readonly byteLength: number,
  ) {}

  read(buffer: Uint8Array, position: number): Promise<void> {
    return attempt("read", this.path, async () => {
      for (let done = 0; done < buffer.byteLength; ) {
        const length = Math.min(buffer.byteLength - done, MAX_READ_BYTES);
        const { bytesRead } = await this.handle.read(buffer, done, length, position + done);
        if (bytesRead === 0) throw endsEarly(this.path, position + buffer.byteLength, position + done);
        done += bytesRead;
      }
    });
  }

  write(buffer: Uint8Array, position: number): Promise<void> {
    return attempt("write", this.path, async () => {
      for (let done = 0; done < buffer.byteLength; ) {
        const length = Math.min(buffer.byteLength - done, MAX_WRITE_BYTES);
        const { bytesWritten } = await this.handle.write(buffer, done, length, position + done);
        done += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return attempt("write", this.path, () => this.handle.sync());
  }

  close(): Promise<void> {
    return attempt("close", this.path, () => this.handle.close());
  }
}

export class FileStore implements Store {
  readonly #isOwn = true;

  /** A subclass, or whoever wraps one, may do otherwise, of which threads know nothing. */
  get isLocal(): boolean {
    return #isOwn in this && this.open === FileStore.prototype.open && this.update === FileStore.prototype.update;
  }

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const found = await stat(path);
      return { kind: found.isDirectory() ? "folder" : "file", byteLength: found.size, modifiedMs: found.mtimeMs, device: found.dev };
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw storageError("look at", path, cause);
    }
  }

  realPath(path: string): Promise<string> {
    return attempt("look at", path, async () => {
      try {
        return await realpath(path);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw cause;
        const target = await readlink(path).catch(() => undefined);
        if (target !== undefined) return this.realPath(resolve(dirname(path), target)); // a link to what is not there yet
        return join(await this.realPath(dirname(path)), basename(path));
      }
    });
  }

  list(path: string): Promise<string[]> {
    return attempt("list", path, async () => (await readdir(path)).sort());
  }

  open(path: string): Promise<ReadableFile> {
    return attempt("open", path, async () => {
      // Not to wait for a pipe's other end, which may never come.
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const found = await handle.stat();
      if (found.isFile()) return new OpenFile(handle, path, found.size);
      await handle.close();
      throw new StorageError(`cannot open ${path}: expected a file, found ${found.isDirectory() ? "a folder" : "a pipe or device"}`);
    });
  }

  create(path: string): Promise<WritableFile> {
    return attempt("create", path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return new OpenFile(await open(path, "wx"), path, 0);
    });
  }

  update(path: string): Promise<WritableFile> {
    return attempt("open", path, async () => new OpenFile(await open(path, "r+"), path, 0));
  }

  /** Some file systems have nothing to do for it, and say so. */
  syncFolder(path: string): Promise<void> {
    return attempt("write", path, async () => {
      const handle = await open(path, "r");
      try {
        await handle.sync();
      } catch (cause) {
        if (!["EINVAL", "ENOTSUP", "EPERM", "EISDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
      } finally {
        await handle.close();
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return attempt("rename to", to, () => rename(from, to));
  }

  remove(path: string): Promise<void> {
    return attempt("remove", path, () => rm(path, { recursive: true, force: true }));
  }

  makeFolder(path: string): Promise<void> {
    return attempt("create", path, async () => {
      await mkdir(path, { recursive: true });
    });
  }

  freeBytes(path: string): Promise<number> {
    return attempt("look at", path, async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    });
  }
}
