// A checkpoint that stale files keep from being opened, seen without them.

import { CONVERT_AGAIN, type Explanation } from "../diagnose/hypothesis.js";
import { hiding, topologiesIn } from "../diagnose/stale-files.js";
import { CheckpointError } from "../errors.js";
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
  for (const { name } of topologies) {
    const stale = topologies.filter((topology) => topology.name !== name);
    const files = stale.flatMap((topology) => topology.files);
    const without = hiding(store, new Set(files));
    if (!(await isWhole({ ...context, store: without }, path, options))) continue;
    return {
      store: without,
      explanation: explanationOf(
        name,
        stale.map((topology) => topology.name),
        files,
      ),
      files,
    };
  }
  return { store, explanation: undefined, files: [] };
}

async function rootOf({ layouts, store }: Context, path: string): Promise<string | undefined> {
  for (const layout of layouts.all().toReversed()) {
    const root = await layout.detect(store, path);
    if (root !== undefined) return root;
  }
  return undefined;
}

async function isWhole(context: Context, path: string, { plugin, sourceRopeInterleaved }: ModelOptions): Promise<boolean> {
  try {
    return (await openModel(context, path, { plugin, sourceRopeInterleaved })).stored.problems.length === 0;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

function explanationOf(kept: string, stale: readonly string[], files: readonly string[]): Explanation {
  return {
    fault: "F22",
    name: "a stale shard of another topology",
    statement: `the folder is whole at ${kept} and holds ${files.length} more ${files.length === 1 ? "file" : "files"} of ${stale.join(" and ")}, which Nanotron would merge into the model`,
    fix: `remove ${files.slice(0, 3).join(", ")}${files.length > 3 ? `, … (${files.length} files)` : ""}, or ${CONVERT_AGAIN}`,
    tensors: files,
    settings: [],
  };
}
