// The place of a new checkpoint: whether it may be written there, its staging folder beside it, and how that takes its place.

import { randomInt } from "node:crypto";
import { dirname, resolve } from "node:path";
import { CheckpointError, FormatError, StorageError, UsageError } from "../errors.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import type { Store } from "../store/store.js";
import type { Context } from "./open.js";

/** @throws {UsageError} the destination is taken, or one folder is in the other, through links too */
export async function checkDestination(
  { store, layouts }: Context,
  source: string,
  destination: string,
  overwrite: boolean,
): Promise<void> {
  if (destination === "") throw new UsageError("the destination's name is empty", { hint: "name a folder to write" });
  const final = resolve(destination);
  const named = [resolve(source), final] as const;
  const real = [await store.realPath(named[0]), await store.realPath(final)] as const;
  if (overlap(...named) || overlap(...real)) {
    throw new UsageError(`${destination}: source and destination must be separate folders, one not in the other`, {
      hint: "choose another destination",
    });
  }
  const status = await store.status(final);
  if (status === undefined) return;
  if (status.kind === "file")
    throw new UsageError(`${destination}: expected a folder, found a file`, { hint: "choose another destination" });
  if ((await store.list(final)).length === 0) return;
  if (!overwrite) throw alreadyExists(destination);
  if (await holdsCheckpoint({ store, layouts }, final)) return;
  throw new UsageError(`${destination}: holds no checkpoint, and --overwrite replaces nothing else`, {
    hint: "choose another destination or empty the folder",
  });
}

const alreadyExists = (destination: string): UsageError =>
  new UsageError(`${destination}: already exists`, { hint: "choose another destination or give --overwrite" });

/** A config alone is no checkpoint: many a folder has a config.json. There must be a receipt, or weights that can be read. */
async function holdsCheckpoint({ store, layouts }: Pick<Context, "store" | "layouts">, folder: string): Promise<boolean> {
  for (const layout of layouts.all()) {
    try {
      if ((await layout.detect(store, folder)) !== folder) continue;
      if ((await store.status(`${folder}/${RECEIPT_NAME}`))?.kind === "file") return true;
      await layout.open(store, folder);
      return true;
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof FormatError)) throw error;
    }
  }
  return false;
}

const overlap = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

export interface Publication {
  /** The folder's absolute path, links resolved: what is behind a link is filled, and the link stays. */
  readonly final: string;
  /** Must be free before anything is written. */
  readonly neededBytes: number;
  readonly overwrite: boolean;
}

/** Let `fill` fill a folder beside `final`, and put it in its place. Whatever fails, all is as it was before. */
export async function publish<T>(context: Context, publication: Publication, fill: (staging: string) => Promise<T>): Promise<T> {
  const { store, reporter } = context;
  const { final, neededBytes } = publication;
  const missing = await missingFolders(store, dirname(final));
  await checkSpace(store, final, dirname(missing.at(-1) ?? final), neededBytes);
  // Process numbers repeat: on other hosts of a shared disk, in containers, and within a process that converts twice at once.
  const mark = `${process.pid}-${randomInt(2 ** 32)}`;
  const staging = `${final}.weighbridge-partial-${mark}`;
  try {
    const result = await fill(staging);
    await takePlace(context, staging, publication, `${final}.weighbridge-old-${mark}`);
    return result;
  } catch (error) {
    await clean(store, staging, missing).catch((failure: Error) => reporter.warning(`${staging} may be left behind: ${failure.message}`));
    throw error;
  }
}

/** `folder` and those around it that are not there yet, innermost first. */
async function missingFolders(store: Store, folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = folder; (await store.status(at)) === undefined; at = dirname(at)) missing.push(at);
  return missing;
}

async function checkSpace(store: Store, final: string, folder: string, needed: number): Promise<void> {
  const free = await store.freeBytes(folder);
  if (free < needed) {
    throw new StorageError(`${final}: not enough space: expected ${needed} bytes free, found ${free}`, {
      hint: "free some space or choose another disk",
    });
  }
}

/** Folders made on the way go too, unless someone else has put something there. */
async function clean(store: Store, staging: string, made: readonly string[]): Promise<void> {
  await store.remove(staging);
  for (const folder of made) {
    if ((await store.status(folder)) === undefined) continue;
    if ((await store.list(folder)).length > 0) return;
    await store.remove(folder);
  }
}

/** A destination that is replaced is moved aside first, and back if the new one cannot take its place. */
async function takePlace({ store, reporter }: Context, staging: string, { final, overwrite }: Publication, aside: string): Promise<void> {
  const isThere = (await store.status(final)) !== undefined;
  if (isThere && !overwrite && (await store.list(final)).length > 0) throw alreadyExists(final); // since the check
  if (!isThere || !overwrite) return store.rename(staging, final);
  await store.rename(final, aside);
  try {
    await store.rename(staging, final);
  } catch (error) {
    await store.rename(aside, final);
    throw error;
  }
  // The new one is in place: that the old one lingers is no failure.
  await store
    .remove(aside)
    .catch((error: Error) => reporter.warning(`the replaced checkpoint is left behind as ${aside}: ${error.message}`));
}
