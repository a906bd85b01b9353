// From a path to an open checkpoint of a known model: which layout, which plugin, which tensors where. Reads headers only.

import { basename, dirname, join } from "node:path";
import { type Architecture, expand } from "../architecture/architecture.js";
import type { Plugin } from "../architecture/declaration.js";
import { type Match, matchPlugin } from "../architecture/match.js";
import { configure } from "../architecture/settings.js";
import { CheckpointError, UsageError } from "../errors.js";
import type { ExecutorProvider } from "../executor/executor.js";
import type { FamilyForwards } from "../forward/forward.js";
import type { Arrangement, Checkpoint, Layout, Slot } from "../layout/layout.js";
import { matchSlots, type SlotMatch } from "../plan/match-slots.js";
import type { Registry } from "../registry.js";
import type { Reporter } from "../reporter.js";
import type { Store } from "../store/store.js";
import { nearestName } from "../suggest.js";

/** What every command works with. */
export interface Context {
  readonly store: Store;
  readonly layouts: Registry<Layout>;
  readonly plugins: Registry<Plugin>;
  readonly executors: Registry<ExecutorProvider>;
  /** By family. */
  readonly forwards: Registry<FamilyForwards>;
  readonly reporter: Reporter;
}

export interface ModelOptions {
  /** An architecture plugin's name, instead of the one the config matches. */
  readonly plugin?: string | undefined;
  /** For a Nanotron checkpoint whose config does not say. */
  readonly sourceRopeInterleaved?: boolean | undefined;
}

/** An open checkpoint, and what its architecture expects of it. */
export interface Model {
  readonly checkpoint: Checkpoint;
  readonly layout: Layout;
  readonly match: Match;
  readonly architecture: Architecture;
  readonly arrangement: Arrangement;
  readonly slots: readonly Slot[];
  /** How the stored tensors fit the slots; its problems are not thrown here. */
  readonly stored: SlotMatch;
}

/** @throws {UsageError} nothing is there; {CheckpointError} it is no checkpoint */
export async function openCheckpoint({ store, layouts }: Context, path: string): Promise<{ checkpoint: Checkpoint; layout: Layout }> {
  const status = await store.status(path);
  if (status === undefined) throw new UsageError(`${path}: no such folder`, { hint: await nearestPath(store, path) });
  if (status.kind === "file")
    throw new UsageError(`${path}: expected a checkpoint folder, found a file`, { hint: "give the folder that holds it" });
  for (const layout of layouts.all().toReversed()) {
    const root = await layout.detect(store, path);
    if (root !== undefined) return { checkpoint: await layout.open(store, root), layout };
  }
  throw new CheckpointError(`${path}: no checkpoint: expected config.json (Hugging Face) or model_config.json (Nanotron)`, {
    hint: "give the folder that holds it",
  });
}

/** Of a folder beside a destination that is still being written, or was when its conversion was interrupted. */
export const PARTIAL_SUFFIX = ".weighbridge-partial";

async function nearestPath(store: Store, path: string): Promise<string> {
  const partial = `${path.replace(/\/+$/, "")}${PARTIAL_SUFFIX}`;
  if ((await store.status(partial)) !== undefined) {
    return `a conversion to it is under way or was interrupted: the same command continues it; remove ${partial} to give it up`;
  }
  const folder = dirname(path);
  const isFolder = (await store.status(folder))?.kind === "folder";
  const near = isFolder ? nearestName(basename(path), await store.list(folder)) : undefined;
  return near === undefined ? "check the path" : `did you mean ${join(folder, near)}?`;
}

/** @throws every error of reading, matching and configuring; what is wrong with single tensors is in `stored` */
export async function openModel(context: Context, path: string, options: ModelOptions): Promise<Model> {
  const { checkpoint, layout } = await openCheckpoint(context, path);
  return modelOf(context, checkpoint, layout, options);
}

export function modelOf(context: Context, checkpoint: Checkpoint, layout: Layout, options: ModelOptions): Model {
  const match = matchOf(context, checkpoint, layout, options.plugin);
  const architecture = expand(match.plugin, match.configuration);
  const arrangement = layout.arrangementOf(checkpoint, match.plugin, options.sourceRopeInterleaved);
  const slots = layout.slots(architecture, arrangement);
  return { checkpoint, layout, match, architecture, arrangement, slots, stored: matchSlots(checkpoint, slots, architecture) };
}

function matchOf({ plugins }: Context, checkpoint: Checkpoint, layout: Layout, name: string | undefined): Match {
  if (name === undefined) return matchPlugin(plugins.all(), checkpoint, layout);
  const plugin = plugins.get(name);
  return {
    plugin,
    configuration: configure(plugin, layout.readSettings(checkpoint.rawConfig, plugin), layout.name, checkpoint.configPath),
  };
}
