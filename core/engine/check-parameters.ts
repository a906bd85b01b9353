// The parameters check of two open models: tensors, and the settings that their forwards depend on.

import type { Value } from "../architecture/declaration.js";
import { effectiveSettings } from "../architecture/limits.js";
import { type Json, sameJson } from "../format/json.js";
import { sameSharding } from "../layout/sharding.js";
import { bindStored, filesOf } from "../plan/compile.js";
import { sameShape } from "../tensor/shape.js";
import { commonComponents, renumbered } from "../verify/common.js";
import { compareParameters, type ParametersReport, type VerifySide } from "../verify/parameters.js";
import type { Context, Model } from "./open.js";
import { differingTwins } from "./twins.js";
import type { VerifyOptions } from "./verify-options.js";

export interface ParametersFinding {
  readonly report: ParametersReport;
  readonly settings: readonly string[];
  readonly isEqual: boolean;
  readonly evidence: string;
}

export async function checkParameters(
  context: Context,
  a: Model,
  b: Model,
  { threads, signal, onProgress }: VerifyOptions,
): Promise<ParametersFinding> {
  const names = a.architecture.components.map(({ name }) => name);
  const common = commonComponents(a.architecture, b.architecture);
  const totalBytes = weightBytes(a);
  const onCompared = (bytes: number) => {
    const progress = { stage: "compare", bytes, totalBytes } as const;
    context.reporter.progress(progress);
    onProgress?.(progress);
  };
  const stray = [...common.extra, ...unexplained(b)];
  // What no rule explains is a tensor all the same, and a checkpoint without it is another one.
  const lost = unexplained(a).filter((key) => !b.checkpoint.tensors.has(key));
  const compared = await compareParameters(context.store, a.architecture, sideOf(a), renumbered(sideOf(b), common), stray, {
    threads,
    signal,
    onCompared,
  });
  const twins = [...(await differingTwins(context.store, a)), ...(await differingTwins(context.store, b))];
  const untied = [...new Set(twins.map(({ name }) => name))];
  const misplaced = [...new Set([...misplacedIn(a), ...misplacedIn(b)])];
  // What is stored in both is neither missing nor extra, though only one of the two has a tensor of its own there.
  const different = [...compared.different, ...common.reshaped, ...untied, ...misplaced];
  const isNew = (name: string) => !different.includes(name);
  const equal = compared.equal.filter(isNew);
  const report = {
    ...compared,
    equal,
    missing: [...compared.missing.filter(isNew), ...lost],
    extra: compared.extra.filter(isNew),
    different,
  };
  const settings = differingSettings(a, b);
  return {
    report,
    settings,
    isEqual:
      report.equal.length === names.length && stray.length === 0 && lost.length === 0 && untied.length === 0 && settings.length === 0,
    evidence: `${names.length + lost.length - report.missing.length} of ${names.length} tensors compared, each to its end or its first difference`,
  };
}

/** The tensors that are there in the right shape; what is not is then found missing. */
export function sideOf({ checkpoint, slots }: Model): VerifySide {
  const sound = slots.filter(({ key, shape }) => sameShape(checkpoint.tensors.get(key)?.shape ?? [], shape));
  return { files: filesOf(checkpoint.files, checkpoint.tensors.values()), slots: bindStored(sound, checkpoint.tensors) };
}

function unexplained({ checkpoint, slots, stored }: Model): string[] {
  const known = new Set([...slots.map(({ key }) => key), ...stored.unused.map(({ key }) => key)]);
  return [...checkpoint.tensors.keys()].filter((key) => !known.has(key));
}

/**
 * Tensors of which a shard's metadata says another place than its rank and the config do. Read by rank the bytes are right; Nanotron
 * goes by the metadata when it loads at another TP.
 */
function misplacedIn({ checkpoint, slots, architecture }: Model): string[] {
  const wrong = slots.filter(({ key, sharding }) => {
    const stored = checkpoint.tensors.get(key)?.sharding;
    return sharding !== undefined && stored !== undefined && !sameSharding(sharding, stored);
  });
  return wrong.flatMap(({ pieces }) => pieces.map(({ component }) => architecture.components[component]?.name ?? ""));
}

export const weightBytes = ({ checkpoint, slots }: Model): number =>
  slots.reduce((sum, { key }) => {
    const stored = checkpoint.tensors.get(key);
    return stored === undefined ? sum : sum + stored.byteEnd - stored.byteStart;
  }, 0);

/** A setting of the forward whose value differs as the two frameworks take it. */
export function settingDifferences(a: Model, b: Model): { name: string; a: Value; b: Value }[] {
  const [ours, theirs] = [effectiveSettings(a.match, a.layout.name), effectiveSettings(b.match, b.layout.name)];
  return a.match.plugin.forward
    .map((name) => ({ name, a: ours[name] ?? null, b: theirs[name] ?? null }))
    .filter((setting) => !sameJson(setting.a as Json, setting.b as Json));
}

export const differingSettings = (a: Model, b: Model): string[] =>
  settingDifferences(a, b).map((setting) => `${setting.name}: ${JSON.stringify(setting.a)} and ${JSON.stringify(setting.b)}`);
