// The one seam to where bytes live: local files, memory in tests, remote stores later, and faults put in on purpose.
// Paths are strings with forward slashes; a store neither resolves nor interprets them.

export interface FileStatus {
  readonly kind: "file" | "folder";
  readonly byteLength: number;
  /** When it was last written, in milliseconds since 1970, as finely as the file system says. */
  readonly modifiedMs: number;
  /** The number of its file system: a rename stays within one. */
  readonly device: number;
}

export interface ReadableFile {
  readonly byteLength: number;
  /**
   * Fill `buffer` with the bytes from `position` on.
   *
   * @throws {StorageError} the file ends before the buffer is full, or cannot be read
   */
  read(buffer: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

export interface WritableFile {
  /** @throws {StorageError} no space, or the file cannot be written */
  write(buffer: Uint8Array, position: number): Promise<void>;
  /** Over when what was written survives a power failure. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What it takes to read and write files that are known to be there. */
export type FileAccess = Pick<Store, "open" | "update">;

export interface Store {
  /** Its paths are those of the local file system: threads may read and write the files by themselves. */
  readonly isLocal?: boolean;
  /** @returns undefined when nothing is there */
  status(path: string): Promise<FileStatus | undefined>;
  /** The one path of what several may lead to through links; of something that is not there, as far as its folders are. */
  realPath(path: string): Promise<string>;
  /** Names in a folder, sorted. */
  list(path: string): Promise<string[]>;
  open(path: string): Promise<ReadableFile>;
  /** Create a file, its folders included; it must not exist yet (a StorageError whose cause has the code EEXIST). */
  create(path: string): Promise<WritableFile>;
  /** Open a file to write into what it holds. */
  update(path: string): Promise<WritableFile>;
  /** Over when the names in a folder survive a power failure. */
  syncFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Remove a file or a folder with all that is in it; nothing there is no error. */
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Bytes free where `path` would be written. */
  freeBytes(path: string): Promise<number>;
}
