// A checkpoint that stale files keep from being opened, seen without them.

import { CONVERT_AGAIN, type Explanation } from "../diagnose/hypothesis.js";
import { type FoundTopology, hiding, topologiesIn } from "../diagnose/stale-files.js";
import { CheckpointError, UnsupportedError } from "../errors.js";
import type { Store } from "../store/store.js";
import { type Context, type ModelOptions, openModel } from "./open.js";

export interface Sight {
  /** The store, without the stale files if there are any. */
  readonly store: Store;
  /** What the stale files mean; undefined when there are none. */
  readonly explanation: Explanation | undefined;
  readonly files: readonly string[];
}

/** @throws {CheckpointError | UsageError} the folder cannot be read, and stale files are not why */
export async function withoutStaleFiles(context: Context, path: string, options: ModelOptions): Promise<Sight> {
  const { store } = context;
  const root = await rootOf(context, path);
  const topologies = root === undefined ? [] : await topologiesIn(store, root);
  if (topologies.length < 2) return { store, explanation: undefined, files: [] };
  const sights: (Sight & { readonly fit: Fit })[] = [];
  for (const kept of topologies) {
    const stale = topologies.filter((topology) => topology !== kept);
    const files = stale.flatMap((topology) => topology.files);
    const without = hiding(store, new Set(files));
    const fit = await fitOf({ ...context, store: without }, path, options);
    sights.push({ store: without, explanation: explanationOf(kept, stale, fit), files, fit });
  }
  const whole = sights.filter(({ fit }) => fit === "whole");
  if (whole.length > 1) return { ...(whole[0] as Sight), explanation: undecided(topologies) };
  return whole[0] ?? sights.find(({ fit }) => fit === "readable") ?? { store, explanation: undefined, files: [] };
}

async function rootOf({ layouts, store }: Context, path: string): Promise<string | undefined> {
  for (const layout of layouts.all().toReversed()) {
    const root = await layout.detect(store, path);
    if (root !== undefined) return root;
  }
  return undefined;
}

/** What the folder is with the files of one topology only. */
type Fit = "whole" | "readable" | "unreadable";

async function fitOf(context: Context, path: string, { plugin, sourceRopeInterleaved }: ModelOptions): Promise<Fit> {
  try {
    return (await openModel(context, path, { plugin, sourceRopeInterleaved })).stored.problems.length === 0 ? "whole" : "readable";
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof UnsupportedError) return "unreadable";
    throw error;
  }
}

const FAULT = { fault: "F22", name: "a stale shard of another topology" } as const;
const filesOf = (topologies: readonly FoundTopology[]): string[] => topologies.flatMap(({ files }) => files);
const namesOf = (topologies: readonly FoundTopology[]): string => topologies.map(({ name }) => name).join(" and ");

function explanationOf(kept: FoundTopology, stale: readonly FoundTopology[], fit: Fit): Explanation {
  const files = filesOf(stale);
  const isAt = fit === "whole" ? "is whole at" : "is mostly of";
  return {
    ...FAULT,
    statement: `the folder ${isAt} ${kept.name} and holds ${files.length} more ${files.length === 1 ? "file" : "files"} of ${namesOf(stale)}, which Nanotron would merge into the model`,
    fix: `remove ${files.slice(0, 3).join(", ")}${files.length > 3 ? `, … (${files.length} files)` : ""}, or ${CONVERT_AGAIN}`,
    tensors: files,
    settings: [],
  };
}

/** Which of several whole checkpoints is the stale one, their files do not tell. */
const undecided = (topologies: readonly FoundTopology[]): Explanation => ({
  ...FAULT,
  statement: `the folder holds whole checkpoints of ${namesOf(topologies)}, and Nanotron would merge them`,
  fix: `keep the files of the topology that is meant and remove the others', or ${CONVERT_AGAIN}`,
  tensors: filesOf(topologies.slice(1)),
  settings: [],
});
