// Local files for a thread that has nothing else to do: calls block, which is faster than to be told when they are done.

import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { MAX_WRITE_BYTES } from "./file-store.js";
import type { FileAccess, ReadableFile, WritableFile } from "./store.js";
import { endsEarly, storageError } from "./system-error.js";

export const blockingFiles: FileAccess = {
  open: async (path) => {
    const handle = attempt("open", path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    return new BlockingFile(handle, path, fstatSync(handle).size); // of an open file that cannot fail
  },
  update: async (path) =>
    new BlockingFile(
      attempt("open", path, () => openSync(path, "r+")),
      path,
      0,
    ),
};

class BlockingFile implements ReadableFile, WritableFile {
  constructor(
    private readonly handle: number,
    private readonly path: string,
    readonly byteLength: number,
  ) {}

  async read(buffer: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < buffer.byteLength; ) {
      const count = attempt("read", this.path, () => readSync(this.handle, buffer, done, buffer.byteLength - done, position + done));
      if (count === 0) throw endsEarly(this.path, position + buffer.byteLength, position + done);
      done += count;
    }
  }

  async write(buffer: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < buffer.byteLength; ) {
      const length = Math.min(buffer.byteLength - done, MAX_WRITE_BYTES);
      done += attempt("write", this.path, () => writeSync(this.handle, buffer, done, length, position + done));
    }
  }

  async sync(): Promise<void> {
    attempt("write", this.path, () => fsyncSync(this.handle));
  }

  async close(): Promise<void> {
    attempt("close", this.path, () => closeSync(this.handle));
  }
}

function attempt<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw storageError(what, path, cause);
  }
}
