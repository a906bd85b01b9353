// verify: two checkpoints, each read by its own config, compared tensor by tensor and setting by setting.

import type { Architecture, Component } from "../architecture/architecture.js";
import { effectiveSettings } from "../architecture/limits.js";
import { type Json, sameJson } from "../format/json.js";
import type { Piece } from "../layout/layout.js";
import { bindStored, filesOf } from "../plan/compile.js";
import type { Progress } from "../reporter.js";
import { sameShape } from "../tensor/shape.js";
import { compareParameters, type ParametersReport, type VerifySide } from "../verify/parameters.js";
import { type Context, type Model, modelOf, openCheckpoint } from "./open.js";
import { differingTwins } from "./twins.js";

export interface VerifyOptions {
  readonly plugin?: string | undefined;
  /** For a Nanotron checkpoint whose config does not say. */
  readonly sourceRopeInterleaved?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface VerifyReport {
  readonly verdict: "equal" | "different";
  /** How strong the verdict is, and why. */
  readonly evidence: string;
  readonly parameters: ParametersReport;
  /** Settings of the forward that differ as the two frameworks take them. */
  readonly settings: readonly string[];
}

/** @throws {CheckpointError | UsageError} either folder cannot be read at all */
export async function verify(context: Context, pathA: string, pathB: string, options: VerifyOptions): Promise<VerifyReport> {
  const [a, b] = [await openSide(context, pathA, options), await openSide(context, pathB, options)];
  const names = a.architecture.components.map(({ name }) => name);
  const common = commonComponents(a.architecture, b.architecture);
  const extra = b.architecture.components.map(({ name }) => name).filter((name) => !names.includes(name));
  const totalBytes = weightBytes(a);
  const report = (bytes: number) => {
    const progress = { stage: "compare", bytes, totalBytes } as const;
    context.reporter.progress(progress);
    options.onProgress?.(progress);
  };
  const stray = [...extra, ...unexplained(b)];
  const compared = await compareParameters(context.store, a.architecture, sideOf(a), renumbered(sideOf(b), common.numbers), stray, {
    signal: options.signal,
    onCompared: report,
  });
  const untied = [...(await differingTwins(context.store, a)), ...(await differingTwins(context.store, b))];
  const missing = compared.missing.filter((name) => !common.reshaped.includes(name));
  const parameters = { ...compared, missing, different: [...compared.different, ...common.reshaped, ...untied] };
  const settings = differingSettings(a, b);
  const isEqual = parameters.equal.length === names.length && stray.length === 0 && untied.length === 0 && settings.length === 0;
  const evidence = `${names.length - parameters.missing.length} of ${names.length} tensors compared, each to its end or its first difference; predictions were not: this version has no executor`;
  return { verdict: isEqual ? "equal" : "different", evidence, parameters, settings };
}

/** The user's answer goes to a side that has no word of its own. */
async function openSide(context: Context, path: string, { plugin, sourceRopeInterleaved }: VerifyOptions): Promise<Model> {
  const { checkpoint, layout } = await openCheckpoint(context, path);
  const answer = checkpoint.rawConfig.rope_interleaved === undefined ? sourceRopeInterleaved : undefined;
  return modelOf(context, checkpoint, layout, { plugin, sourceRopeInterleaved: answer });
}

/** The tensors that are there in the right shape; what is not is then found missing. */
function sideOf({ checkpoint, slots }: Model): VerifySide {
  const sound = slots.filter(({ key, shape }) => sameShape(checkpoint.tensors.get(key)?.shape ?? [], shape));
  return { files: filesOf(checkpoint.files, checkpoint.tensors.values()), slots: bindStored(sound, checkpoint.tensors) };
}

interface Common {
  /** A's number of each of B's components; undefined where A has none that is made alike. */
  readonly numbers: readonly (number | undefined)[];
  /** In both, of other sizes: different without a look at the bytes. */
  readonly reshaped: readonly string[];
}

function commonComponents(a: Architecture, b: Architecture): Common {
  const byName = new Map(a.components.map(({ name }, number) => [name, number]));
  const form = (component: Component | undefined) => JSON.stringify([component?.axes, component?.rotary]);
  const numbers = b.components.map((component) => {
    const number = byName.get(component.name);
    return number !== undefined && form(a.components[number]) === form(component) ? number : undefined;
  });
  const reshaped = b.components.filter(({ name }, at) => numbers[at] === undefined && byName.has(name));
  return { numbers, reshaped: reshaped.map(({ name }) => name) };
}

/** B's slots with A's numbers on their pieces. */
function renumbered({ files, slots }: VerifySide, numbers: Common["numbers"]): VerifySide {
  const renumber = (piece: Piece): Piece[] => {
    const component = numbers[piece.component];
    return component === undefined ? [] : [{ ...piece, component }];
  };
  return { files, slots: slots.map((bound) => ({ ...bound, slot: { ...bound.slot, pieces: bound.slot.pieces.flatMap(renumber) } })) };
}

function unexplained({ checkpoint, slots, stored }: Model): string[] {
  const known = new Set([...slots.map(({ key }) => key), ...stored.unused.map(({ key }) => key)]);
  return [...checkpoint.tensors.keys()].filter((key) => !known.has(key));
}

const weightBytes = ({ checkpoint, slots }: Model): number =>
  slots.reduce((sum, { key }) => {
    const stored = checkpoint.tensors.get(key);
    return stored === undefined ? sum : sum + stored.byteEnd - stored.byteStart;
  }, 0);

function differingSettings(a: Model, b: Model): string[] {
  const [ours, theirs] = [effectiveSettings(a.match, a.layout.name), effectiveSettings(b.match, b.layout.name)];
  return a.match.plugin.forward
    .filter((name) => !sameJson(ours[name] as Json, theirs[name] as Json))
    .map((name) => `${name}: ${JSON.stringify(ours[name])} and ${JSON.stringify(theirs[name])}`);
}
