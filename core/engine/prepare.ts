// From a path to a proven plan: open, match, expand, compile, prove. Reads headers and configs only.

import { type Architecture, expand } from "../architecture/architecture.js";
import type { CastTarget, LayoutName, Plugin } from "../architecture/declaration.js";
import { semanticLosses } from "../architecture/limits.js";
import { differences, type Match, matchPlugin } from "../architecture/match.js";
import { configure } from "../architecture/settings.js";
import { CheckpointError, UsageError } from "../errors.js";
import type { Arrangement, Checkpoint, Layout, NanotronVersion, Slot, TargetFile } from "../layout/layout.js";
import { prove } from "../plan/check.js";
import { bindStored, bindTarget, compile, filesOf, planFilesOf } from "../plan/compile.js";
import { matchSlots, targetDtypes } from "../plan/match-slots.js";
import type { Plan } from "../plan/plan.js";
import type { Registry } from "../registry.js";
import type { Store } from "../store/store.js";

export interface Context {
  readonly store: Store;
  readonly layouts: Registry<Layout>;
  readonly plugins: Registry<Plugin>;
}

export interface PlanOptions {
  readonly to: LayoutName;
  readonly tp?: number | undefined;
  readonly pp?: number | undefined;
  readonly plugin?: string | undefined;
  readonly dtype?: CastTarget | undefined;
  readonly nanotronVersion?: NanotronVersion | undefined;
  readonly ropeInterleaved?: boolean | undefined;
  /** For a Nanotron source whose config does not say. */
  readonly sourceRopeInterleaved?: boolean | undefined;
  readonly allowSemanticLoss?: boolean | undefined;
  /** Bytes; decimal, as transformers counts. */
  readonly maxShardBytes?: number | undefined;
  readonly strict?: boolean | undefined;
}

export interface Prepared {
  readonly source: Checkpoint;
  readonly match: Match;
  readonly architecture: Architecture;
  readonly target: Layout;
  readonly arrangement: Arrangement;
  readonly version: NanotronVersion;
  readonly slots: readonly Slot[];
  readonly files: readonly TargetFile[];
  readonly plan: Plan;
  readonly losses: readonly string[];
  readonly warnings: readonly string[];
}

const DEFAULT_SHARD_BYTES = 5e9;

/** @throws {UsageError} nothing is there; {CheckpointError} it is no checkpoint */
export async function openCheckpoint({ store, layouts }: Context, path: string): Promise<{ checkpoint: Checkpoint; layout: Layout }> {
  const status = await store.status(path);
  if (status === undefined) throw new UsageError(`${path}: no such folder`);
  if (status.kind === "file") throw new UsageError(`${path}: expected a checkpoint folder, found a file`);
  for (const layout of layouts.all().toReversed()) {
    const root = await layout.detect(store, path);
    if (root !== undefined) return { checkpoint: await layout.open(store, root), layout };
  }
  throw new CheckpointError(`${path}: no checkpoint: expected config.json (Hugging Face) or model_config.json (Nanotron)`, {
    hint: "give the folder that holds it",
  });
}

/** @throws every error of reading, matching, compiling and proving; nothing is written */
export async function prepare(context: Context, path: string, options: PlanOptions): Promise<Prepared> {
  const { checkpoint: source, layout } = await openCheckpoint(context, path);
  const match = matchOf(context, source, layout, options.plugin);
  const target = context.layouts.get(options.to);
  const losses = semanticLosses(match, source.layout, options.to, options.allowSemanticLoss ?? false);
  const warnings = [...source.problems.map(({ message }) => message), ...differences(match)];
  if (options.strict === true && warnings.length > 0)
    throw new CheckpointError(`${source.root}: ${warnings[0]}`, { hint: "without --strict this is a warning" });
  const architecture = expand(match.plugin, match.configuration);
  const from = { ...source.topology, ropeInterleaved: sourceInterleaved(source, options.sourceRopeInterleaved) };
  const arrangement = targetArrangement(options, source, from);
  const sourceSlots = layout.slots(architecture, from);
  const unused = matchSlots(source, sourceSlots, architecture);
  const bound = bindStored(sourceSlots, source.tensors);
  const slots = target.slots(architecture, arrangement);
  const version = options.nanotronVersion ?? "1.4";
  const dtypes = targetDtypes(bound, slots, options.dtype);
  const files = target.files({
    architecture,
    arrangement,
    slots,
    dtypes,
    version,
    maxShardBytes: options.maxShardBytes ?? DEFAULT_SHARD_BYTES,
  });
  const sources = filesOf(source.files, source.tensors.values());
  const plan = compile({ architecture, sources, source: bound, targets: planFilesOf(files), target: bindTarget(slots, files), unused });
  prove(plan, architecture, layout.reference(architecture, from), target.reference(architecture, arrangement));
  return { source, match, architecture, target, arrangement, version, slots, files, plan, losses, warnings };
}

export function matchOf({ plugins }: Context, source: Checkpoint, layout: Layout, name: string | undefined): Match {
  if (name === undefined) return matchPlugin(plugins.all(), source, layout);
  const plugin = plugins.get(name);
  return { plugin, configuration: configure(plugin, layout.readSettings(source, plugin), source.configPath) };
}

export function sourceInterleaved({ layout, rawConfig, configPath }: Checkpoint, answer: boolean | undefined): boolean {
  if (layout === "huggingface") return false;
  const said = rawConfig.rope_interleaved;
  if (said === undefined && answer === undefined) {
    throw new CheckpointError(`${configPath}: rope_interleaved is missing, and both orders of q and k rows were in use`, {
      hint: "say which with --source-rope-interleaved yes|no (before 2024-05, and in the swiss-ai fork, it was yes)",
    });
  }
  if (said !== undefined && typeof said !== "boolean")
    throw new CheckpointError(`${configPath}: rope_interleaved: expected true or false, found ${JSON.stringify(said)}`);
  if (typeof said === "boolean" && answer !== undefined && said !== answer)
    throw new UsageError(`${configPath}: rope_interleaved is ${said}, --source-rope-interleaved says otherwise`, {
      hint: "drop the option",
    });
  return typeof said === "boolean" ? said : (answer ?? false);
}

/** Between Nanotron checkpoints what is not asked for stays as it is. */
function targetArrangement(options: PlanOptions, source: Checkpoint, from: Arrangement): Arrangement {
  if (options.to === "huggingface") {
    if ((options.tp ?? 1) !== 1 || (options.pp ?? 1) !== 1)
      throw new UsageError("a Hugging Face checkpoint has no ranks", { hint: "drop --tp and --pp" });
    return { tp: 1, pp: 1, ropeInterleaved: false };
  }
  const kept = source.layout === "nanotron" ? from : { tp: 1, pp: 1, ropeInterleaved: false };
  return { tp: options.tp ?? kept.tp, pp: options.pp ?? kept.pp, ropeInterleaved: options.ropeInterleaved ?? kept.ropeInterleaved };
}
