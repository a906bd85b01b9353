// One conversion to a destination at a time: a lock file beside it says who is at work.

import { hostname } from "node:os";
import { StorageError, UsageError } from "../errors.js";
import { parseObject, plain } from "../format/json.js";
import type { Store } from "../store/store.js";
import { readText, writeText } from "../store/text.js";

export interface Lock {
  release(): Promise<void>;
}

/** @throws {UsageError} another conversion holds it, with its process and host */
export async function lock(store: Store, path: string): Promise<Lock> {
  const own = JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() });
  for (let attempt = 0; ; attempt++) {
    try {
      await writeText(store, path, own);
      return { release: () => store.remove(path) };
    } catch (error) {
      if (!isTaken(error)) {
        await store.remove(path).catch(() => undefined); // begun and not written to its end
        throw error;
      }
      const holder = await holderOf(store, path);
      if (holder !== undefined && (isAlive(holder) || attempt > 0)) throw heldBy(holder, path);
      await store.remove(path); // its holder was killed
    }
  }
}

const isTaken = (error: unknown): boolean =>
  error instanceof StorageError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "EEXIST";

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/** @returns undefined when it was released meanwhile, or never written to its end */
async function holderOf(store: Store, path: string): Promise<Holder | undefined> {
  try {
    const { pid, host, since } = plain(parseObject(await readText(store, path), path)) as Partial<Record<keyof Holder, unknown>>;
    return typeof pid === "number" ? { pid, host: String(host), since: String(since) } : undefined;
  } catch {
    return undefined;
  }
}

/** A process of another host cannot be asked; it is taken to be alive. */
function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const heldBy = ({ pid, host, since }: Holder, path: string): UsageError =>
  new UsageError(`${path.replace(/\.weighbridge-lock$/, "")}: process ${pid} on ${host} has been writing it since ${since}`, {
    hint: `wait for it, or remove ${path} if it is gone`,
  });
