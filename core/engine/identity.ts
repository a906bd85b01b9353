// What makes two runs the same conversion: the same plan, from files that have not changed since.

import { createHash } from "node:crypto";
import { CheckpointError } from "../errors.js";
import { lanesOf } from "../lanes/lanes.js";
import type { Segment } from "../plan/plan.js";
import type { Store } from "../store/store.js";
import type { Prepared } from "./prepared.js";

/** Of every weight file of the source: path, size, and when it was last written. */
export type SourceState = readonly (readonly [path: string, byteLength: number, modifiedMs: number])[];

/** @throws {StorageError} a file cannot be looked at */
export async function sourceState(store: Store, { plan }: Prepared): Promise<SourceState> {
  const state: [string, number, number][] = [];
  for (const { path } of plan.sources) {
    const status = await store.status(path);
    state.push([path, status?.byteLength ?? -1, status?.modifiedMs ?? -1]);
  }
  return state;
}

/** @throws {CheckpointError} a file of the source has changed since */
export async function expectUnchanged(store: Store, prepared: Prepared, before: SourceState): Promise<void> {
  const after = await sourceState(store, prepared);
  const changed = before.find((entry, at) => String(entry) !== String(after[at]));
  if (changed === undefined) return;
  throw new CheckpointError(`${changed[0]} changed while it was converted`, { hint: "start again once nothing writes there" });
}

export function identityOf({ plan, files }: Prepared, state: SourceState): string {
  const hash = createHash("sha256").update(JSON.stringify([state, plan.segments, plan.targets]));
  for (const { header } of files) hash.update(header);
  // A journal names lanes by number: another version may cut them elsewhere.
  for (const { byteLength, members } of lanesOf(plan.segments)) hash.update(`${byteLength} ${members.length} ${placeOf(members[0])}\n`);
  return hash.digest("hex");
}

const placeOf = (segment: Segment | undefined): string => `${segment?.target.file} ${segment?.target.byteOffset} ${segment?.byteLength}`;
