// What the operating system says of a failed call, as an error of ours: what was attempted, where, why, and what to do.

import { StorageError } from "../errors.js";

const HINTS: Record<string, string> = {
  ENOSPC: "free some space or choose another disk",
  EDQUOT: "the quota is used up; free some space or choose another disk",
  EACCES: "check the permissions",
  EPERM: "check the permissions",
  ENOENT: "check the path; something may have removed it meanwhile",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENAMETOOLONG: "choose a shorter name",
  ELOOP: "a link in it leads back to itself; remove the link",
  ENOTEMPTY: "something else was written there meanwhile; choose another destination",
  EBUSY: "is it a mount point? name a folder inside it",
  EIO: "the disk or its connection failed; check it and try again",
  EROFS: "the file system is read-only",
  EMFILE: "raise the limit of open files (ulimit -n)",
};

/** A path that runs in circles is no line to read. */
const MAX_SHOWN = 160;
const shortened = (path: string): string =>
  path.length <= MAX_SHOWN ? path : `${path.slice(0, MAX_SHOWN / 2)}…${path.slice(-MAX_SHOWN / 2)}`;

/** @param what - a verb, as in "cannot read PATH" */
export function storageError(what: string, path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const reason = (cause as Error).message
    .replace(/^[A-Z0-9]+: /, "")
    .replace(/, \w+ '.*$/, "")
    .replace(/, \w+$/, "");
  const hint = HINTS[code];
  return new StorageError(`cannot ${what} ${shortened(path)}: ${reason}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

export const endsEarly = (path: string, expected: number, found: number): StorageError =>
  new StorageError(`${path}: expected ${expected} bytes, found ${found}`, { hint: "the file became shorter while it was read" });
