// The store of the local file system. Errors name the path and say what the system said.

import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { StorageError } from "../errors.js";
import type { FileStatus, ReadableFile, Store, WritableFile } from "./store.js";

/** One read or write call takes at most this much on Linux (2 GiB minus a page). */
const MAX_CALL_BYTES = 0x7ffff000;

const HINTS: Record<string, string> = {
  ENOSPC: "free some space or choose another disk",
  EDQUOT: "the quota is used up; free some space or choose another disk",
  EACCES: "check the permissions",
  EPERM: "check the permissions",
  ENOENT: "check the path; something may have removed it meanwhile",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENAMETOOLONG: "choose a shorter name",
  ENOTEMPTY: "something else was written there meanwhile; choose another destination",
  EBUSY: "is it a mount point? name a folder inside it",
  EIO: "the disk or its connection failed; check it and try again",
  EROFS: "the file system is read-only",
  EMFILE: "raise the limit of open files (ulimit -n)",
};

function storageError(what: string, path: string, cause: unknown): StorageError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const reason = (cause as Error).message
    .replace(/^[A-Z0-9]+: /, "")
    .replace(/, \w+ '.*$/, "")
    .replace(/, \w+$/, "");
  const hint = HINTS[code];
  return new StorageError(`cannot ${what} ${path}: ${reason}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

async function attempt<T>(what: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw cause instanceof StorageError ? cause : storageError(what, path, cause);
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
        const length = Math.min(buffer.byteLength - done, MAX_CALL_BYTES);
        const { bytesRead } = await this.handle.read(buffer, done, length, position + done);
        if (bytesRead === 0) {
          throw new StorageError(`${this.path}: expected ${position + buffer.byteLength} bytes, found ${position + done}`, {
            hint: "the file became shorter while it was read",
          });
        }
        done += bytesRead;
      }
    });
  }

  write(buffer: Uint8Array, position: number): Promise<void> {
    return attempt("write", this.path, async () => {
      for (let done = 0; done < buffer.byteLength; ) {
        const length = Math.min(buffer.byteLength - done, MAX_CALL_BYTES);
        const { bytesWritten } = await this.handle.write(buffer, done, length, position + done);
        done += bytesWritten;
      }
    });
  }

  close(): Promise<void> {
    return attempt("close", this.path, () => this.handle.close());
  }
}

export class FileStore implements Store {
  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const found = await stat(path);
      return { kind: found.isDirectory() ? "folder" : "file", byteLength: found.size };
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
        return join(await this.realPath(dirname(path)), basename(path));
      }
    });
  }

  list(path: string): Promise<string[]> {
    return attempt("list", path, async () => (await readdir(path)).sort());
  }

  open(path: string): Promise<ReadableFile> {
    return attempt("open", path, async () => {
      const handle = await open(path, "r");
      return new OpenFile(handle, path, (await handle.stat()).size);
    });
  }

  create(path: string): Promise<WritableFile> {
    return attempt("create", path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return new OpenFile(await open(path, "wx"), path, 0);
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
