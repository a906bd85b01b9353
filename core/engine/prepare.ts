// From a path to a proven plan: open, match, expand, compile, prove. Reads headers and configs only.

import { hasRowOrders } from "../architecture/declaration.js";
import { semanticLosses } from "../architecture/limits.js";
import { differences } from "../architecture/match.js";
import { CheckpointError, UsageError } from "../errors.js";
import type { NanotronVersion, Slot } from "../layout/layout.js";
import { prove } from "../plan/check.js";
import { bindStored, bindTarget, compile, filesOf, planFilesOf } from "../plan/compile.js";
import { targetDtypes } from "../plan/target-dtypes.js";
import { CASTABLE } from "../tensor/cast.js";
import { type Context, type Model, openModel } from "./open.js";
import type { PlanOptions, Prepared } from "./prepared.js";
import { readCarried, restorations, restoredSettings } from "./receipt.js";
import { unknownKeys } from "./unknown-keys.js";

const DEFAULT_SHARD_BYTES = 5e9;
const DEFAULT_VERSION: NanotronVersion = "1.4";

const NANOTRON_VERSIONS: readonly NanotronVersion[] = ["1.4", "1.5"];

/** Programs without types come here too, and a half rank would be written as readily as two. */
function checkOptions({ tp, pp, maxShardBytes, dtype, nanotronVersion }: PlanOptions): void {
  for (const [name, value] of Object.entries({ tp, pp, maxShardBytes })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new UsageError(`${name} ${typeof value === "number" ? value : JSON.stringify(value)}: expected a whole number from 1 on`);
  }
  const chosen = { dtype: [dtype, CASTABLE], nanotronVersion: [nanotronVersion, NANOTRON_VERSIONS] } as const;
  for (const [name, [value, choices]] of Object.entries(chosen)) {
    if (value === undefined || choices.some((choice) => choice === value)) continue;
    throw new UsageError(`${name} ${JSON.stringify(value)}: expected one of ${choices.join(", ")}`);
  }
}

/** Keys of target slots with components that the source's framework keeps in a dtype of its own. */
function keptAtSource(source: Model, slots: readonly Slot[]): Set<string> {
  const kept = new Set(source.slots.flatMap(({ dtype, pieces }) => (dtype === undefined ? [] : pieces.map(({ component }) => component))));
  return new Set(slots.filter(({ pieces }) => pieces.some(({ component }) => kept.has(component))).map(({ key }) => key));
}

/**
 * @param onOpened - called once the source is known, before the plan is made
 * @throws every error of reading, matching, compiling and proving; nothing is written
 */
export async function prepare(
  context: Context,
  path: string,
  options: PlanOptions,
  onOpened: (source: Model) => void = () => undefined,
): Promise<Prepared> {
  checkOptions(options);
  const target = context.layouts.get(options.to);
  const source = await openModel(context, path, options);
  onOpened(source);
  const { checkpoint, layout, match, architecture, stored } = source;
  const losses = semanticLosses(match, layout.name, target.name, options.allowSemanticLoss ?? false);
  const carried = await readCarried(context.store, checkpoint);
  const restored = restoredSettings(source, target, carried);
  const arrangement = target.chooseArrangement(options, target === layout ? source.arrangement : undefined);
  if (arrangement.ropeInterleaved && !hasRowOrders(match.plugin))
    throw new UsageError(`${match.plugin.name} knows one order of q and k rows, half-split`, { hint: "drop --rope-interleaved" });
  const [problem] = stored.problems;
  if (problem !== undefined) throw problem;
  const bound = bindStored(source.slots, checkpoint.tensors);
  const slots = target.slots(architecture, arrangement);
  const version = options.nanotronVersion ?? DEFAULT_VERSION;
  const dtypes = targetDtypes(bound, slots, options.dtype);
  const maxShardBytes = options.maxShardBytes ?? DEFAULT_SHARD_BYTES;
  const files = target.files({ architecture, arrangement, slots, dtypes, version, maxShardBytes });
  const warnings = [
    ...checkpoint.problems.map(({ message }) => message),
    ...differences(match, checkpoint),
    ...(target === layout ? [] : unknownKeys(source)),
    ...restorations(source, restored),
    ...(target.remarks?.(files, slots, keptAtSource(source, slots)) ?? []),
  ];
  if (options.strict === true && warnings.length > 0) {
    throw new CheckpointError(`${checkpoint.root}: ${warnings[0]}`, { hint: "without --strict this is a warning" });
  }
  const plan = compile({
    architecture,
    sources: filesOf(checkpoint.files, checkpoint.tensors.values()),
    source: bound,
    targets: planFilesOf(files),
    target: bindTarget(slots, files),
    unused: stored.unused,
  });
  prove(plan, architecture, layout.reference(architecture, source.arrangement), target.reference(architecture, arrangement));
  const settings = { ...match.configuration.settings, ...restored, rope_interleaved: arrangement.ropeInterleaved };
  return { source, target, arrangement, version, slots, files, plan, carried, settings, losses, warnings };
}
