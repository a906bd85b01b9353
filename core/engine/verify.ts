// verify: two checkpoints, each read by its own config, compared tensor by tensor and setting by setting.

import { expand } from "../architecture/architecture.js";
import { type Json, sameJson } from "../format/json.js";
import type { Checkpoint } from "../layout/layout.js";
import { bindStored, filesOf } from "../plan/compile.js";
import { itemSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import { compareParameters, type ParametersReport, type VerifySide } from "../verify/parameters.js";
import { type Context, matchOf, openCheckpoint, sourceInterleaved } from "./prepare.js";

export interface VerifyOptions {
  readonly plugin?: string | undefined;
  readonly sourceRopeInterleaved?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyReport {
  readonly verdict: "equal" | "different";
  /** How strong the verdict is, and why. */
  readonly evidence: string;
  readonly parameters: ParametersReport;
  /** Settings of the forward that differ. */
  readonly settings: readonly string[];
}

/** @throws {CheckpointError | UsageError} either folder cannot be read at all */
export async function verify(context: Context, pathA: string, pathB: string, options: VerifyOptions): Promise<VerifyReport> {
  const [a, b] = [await openSide(context, pathA, options), await openSide(context, pathB, options)];
  const names = new Set(a.architecture.components.map(({ name }) => name));
  const extra = b.architecture.components.map(({ name }) => name).filter((name) => !names.has(name));
  const parameters = await compareParameters(context.store, a.architecture, a.side, b.side, [...extra, ...b.unexplained], options.signal);
  const settings = a.plugin.forward
    .filter((name) => !sameJson(a.settings[name] as Json, b.settings[name] as Json))
    .map((name) => `${name}: ${JSON.stringify(a.settings[name])} and ${JSON.stringify(b.settings[name])}`);
  const isEqual = parameters.equal.length === names.size && parameters.extra.length === 0 && settings.length === 0;
  const compared = names.size - parameters.missing.length;
  const evidence = `${compared} of ${names.size} tensors compared, each to its end or its first difference; predictions were not: this version has no executor`;
  return { verdict: isEqual ? "equal" : "different", evidence, parameters, settings };
}

async function openSide(context: Context, path: string, options: VerifyOptions) {
  const { checkpoint, layout } = await openCheckpoint(context, path);
  const { plugin, configuration } = matchOf(context, checkpoint, layout, options.plugin);
  const architecture = expand(plugin, configuration);
  const answer = checkpoint.rawConfig.rope_interleaved === undefined ? options.sourceRopeInterleaved : undefined;
  const slots = layout.slots(architecture, { ...checkpoint.topology, ropeInterleaved: sourceInterleaved(checkpoint, answer) });
  const sound = slots.filter(({ key, shape }) => {
    const stored = checkpoint.tensors.get(key);
    return (
      stored !== undefined &&
      numElements(stored.shape) * itemSize(stored.dtype) === stored.byteEnd - stored.byteStart &&
      sameJson([...stored.shape], [...shape])
    );
  });
  const side: VerifySide = { files: filesOf(checkpoint.files, checkpoint.tensors.values()), slots: bindStored(sound, checkpoint.tensors) };
  return {
    plugin,
    architecture,
    settings: configuration.settings,
    side,
    unexplained: unexplained(checkpoint, new Set(slots.map(({ key }) => key)), architecture.ignored),
  };
}

const unexplained = ({ tensors }: Checkpoint, expected: ReadonlySet<string>, ignored: ReadonlyMap<string, string>): string[] =>
  [...tensors.keys()].filter((key) => !expected.has(key) && !ignored.has(key));
