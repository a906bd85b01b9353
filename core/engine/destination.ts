// The place of a new checkpoint: whether it may be written there, its staging folder beside it, and how that takes its place.

import { dirname, resolve } from "node:path";
import { CancelledError, CheckpointError, FormatError, StorageError, UsageError, type WeighbridgeError } from "../errors.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import type { Store } from "../store/store.js";
import { Journal } from "./journal.js";
import { type Lock, lock } from "./lock.js";
import { type Context, PARTIAL_SUFFIX } from "./open.js";

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
  // What is there is moved aside by a rename, and so is the new one into its place.
  if ((await store.status(dirname(real[1])))?.device !== status.device) {
    throw new UsageError(`${destination}: is a mount point, which cannot be replaced`, { hint: "name a folder inside it" });
  }
  const names = await store.list(final);
  if (names.length === 0) return;
  if (!overwrite) throw alreadyExists(destination);
  if (await holdsCheckpoint({ store, layouts }, final)) return refuseIrreplaceable({ layouts }, destination, names);
  throw new UsageError(`${destination}: holds no checkpoint, and --overwrite replaces nothing else`, {
    hint: "choose another destination or empty the folder",
  });
}

const alreadyExists = (destination: string): UsageError =>
  new UsageError(`${destination}: already exists`, { hint: "choose another destination or give --overwrite" });

/** The weights of a training step can be had again from the source; the state of its optimizer cannot. */
function refuseIrreplaceable({ layouts }: Pick<Context, "layouts">, destination: string, names: readonly string[]): void {
  const lost = layouts.all().flatMap(({ irreplaceable = [] }) => irreplaceable.filter((name) => names.includes(name)));
  if (lost.length === 0) return;
  throw new UsageError(`${destination}: holds a training run's state, which --overwrite does not replace: ${lost.join(", ")}`, {
    hint: "choose another destination, or move these away",
  });
}

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
  /** Must be free before anything is written, save for what an earlier run has written already. */
  readonly neededBytes: number;
  readonly overwrite: boolean;
  /** The conversion's: what a killed run of it left behind is continued. */
  readonly identity: string;
  /** Whether the output is to survive a power failure from the moment it has its name. */
  readonly syncs: boolean;
}

/** A new checkpoint on its way. */
export interface Staging {
  readonly folder: string;
  readonly journal: Journal;
}

/** Names of what lies beside a destination while it is written. */
const namesOf = (final: string) => ({
  lock: `${final}.weighbridge-lock`,
  staging: `${final}${PARTIAL_SUFFIX}`,
  journal: `${final}.weighbridge-journal`,
  aside: `${final}.weighbridge-old`,
});

/**
 * Let `fill` fill a folder beside `final`, and put it in its place. Whatever fails, the destination is as it was before; what was
 * written is kept for the same command to continue if it is much and the failure may pass, and removed otherwise.
 *
 * @throws {UsageError} another conversion to `final` is under way, or something is there by now
 */
export async function publish<T>(context: Context, publication: Publication, fill: (staging: Staging) => Promise<T>): Promise<T> {
  const { store, reporter } = context;
  const { final } = publication;
  const missing = await missingFolders(store, dirname(final));
  const names = namesOf(final);
  let held: Lock | undefined;
  try {
    held = await lock(store, names.lock);
    await restore(context, final, names.aside);
    await refuseTaken(store, publication);
    return await fillAndPublish(context, publication, dirname(missing.at(-1) ?? final), fill);
  } finally {
    try {
      await held?.release();
      await removeEmpty(store, missing);
    } catch (error) {
      reporter.warning(`${names.lock} may be left behind: ${(error as Error).message}`);
    }
  }
}

/** @param existing - a folder on the destination's file system */
async function fillAndPublish<T>(
  context: Context,
  publication: Publication,
  existing: string,
  fill: (staging: Staging) => Promise<T>,
): Promise<T> {
  const { store, reporter } = context;
  const { final, neededBytes, syncs } = publication;
  const { staging: folder, journal: journalPath, aside } = namesOf(final);
  let journal: Journal | undefined;
  try {
    journal = await resumeJournal(context, folder, journalPath, publication.identity);
    await checkSpace(store, final, existing, neededBytes - (journal?.bytes ?? 0));
    journal ??= await Journal.start(store, journalPath, publication.identity);
    const result = await fill({ folder, journal });
    await journal.close();
    if (syncs) await syncTree(store, folder);
    await takePlace(context, folder, publication, aside);
    if (syncs) await store.syncFolder(dirname(final));
    await store.remove(journalPath).catch((failure: Error) => reporter.warning(`${journalPath} is left behind: ${failure.message}`));
    return result;
  } catch (error) {
    await journal?.close().catch(() => undefined);
    const kept = journal?.bytes ?? 0;
    if (kept >= KEPT_BYTES && (error instanceof StorageError || error instanceof CancelledError)) throw withKept(error, folder, kept);
    for (const path of [folder, journalPath]) {
      await store.remove(path).catch((failure: Error) => reporter.warning(`${path} may be left behind: ${failure.message}`));
    }
    throw error;
  }
}

/** Less than this is written again in a second, and better removed than explained. */
const KEPT_BYTES = 256 * 1024 * 1024;

/** What a killed run of the same conversion left is continued; what another one left is removed. */
async function resumeJournal({ store, reporter }: Context, folder: string, path: string, identity: string): Promise<Journal | undefined> {
  const isStarted = (await store.status(folder)) !== undefined;
  const found = isStarted ? await Journal.resume(store, path, identity) : undefined;
  if (found !== undefined) return found;
  if (isStarted) reporter.warning(`${folder}: an interrupted conversion from another source or with other options is removed`);
  for (const leftover of [folder, path]) if ((await store.status(leftover)) !== undefined) await store.remove(leftover);
  return undefined;
}

function withKept(error: StorageError | CancelledError, folder: string, bytes: number): WeighbridgeError {
  const what = error.hint === undefined ? error.message : error.message.slice(0, -error.hint.length - 2);
  const kept = `${bytes} bytes are kept in ${folder}: the same command continues there`;
  const options = { cause: error.cause ?? error, hint: error.hint === undefined ? kept : `${error.hint}; ${kept}` };
  return error instanceof StorageError ? new StorageError(what, options) : new CancelledError(what, options);
}

/** A run that was killed between the two renames of `takePlace` left the destination aside. */
async function restore({ store, reporter }: Context, final: string, aside: string): Promise<void> {
  if ((await store.status(aside)) === undefined) return;
  if ((await store.status(final)) === undefined) {
    await store.rename(aside, final);
    reporter.warning(`${final}: put back what an interrupted conversion had set aside`);
  } else {
    await store.remove(aside); // the new one is in place
  }
}

async function refuseTaken(store: Store, { final, overwrite }: Publication): Promise<void> {
  const isTaken = !overwrite && (await store.status(final)) !== undefined && (await store.list(final)).length > 0;
  if (isTaken) throw alreadyExists(final); // since the check
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

/** Folders made on the way go too, unless there is something in them. */
async function removeEmpty(store: Store, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if ((await store.status(folder)) === undefined) continue;
    if ((await store.list(folder)).length > 0) return;
    await store.remove(folder);
  }
}

/** Weight files are on the disk since they were closed; the rest is small. */
async function syncTree(store: Store, folder: string): Promise<void> {
  for (const name of await store.list(folder)) {
    const path = `${folder}/${name}`;
    if ((await store.status(path))?.kind === "folder") await syncTree(store, path);
    else if (!name.endsWith(".safetensors")) await syncFile(store, path);
  }
  await store.syncFolder(folder);
}

async function syncFile(store: Store, path: string): Promise<void> {
  const file = await store.update(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A destination that is replaced is moved aside first, and back if the new one cannot take its place. */
async function takePlace({ store, reporter }: Context, staging: string, publication: Publication, aside: string): Promise<void> {
  const { final, overwrite } = publication;
  await refuseTaken(store, publication);
  const isThere = (await store.status(final)) !== undefined;
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
