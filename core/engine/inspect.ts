// inspect: what a checkpoint is, from its config and headers, with everything that is wrong with it.

import type { Values } from "../architecture/declaration.js";
import { differences } from "../architecture/match.js";
import { UsageError, WeighbridgeError } from "../errors.js";
import type { Checkpoint, Layout, Problem, StoredTensor, Topology } from "../layout/layout.js";
import type { DType } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import { type Context, type Model, type ModelOptions, modelOf, openCheckpoint } from "./open.js";
import { unknownKeys } from "./unknown-keys.js";

export type InspectOptions = ModelOptions;

/** A problem with its weight: an `error` stops a conversion, a `warning` does not. */
export interface Finding extends Problem {
  readonly severity: "error" | "warning";
}

export interface InspectReport {
  /** The folder that holds the checkpoint; of a Nanotron run, the step's. */
  readonly path: string;
  readonly layout: string;
  /** Null when none fits; a problem then says so. */
  readonly plugin: string | null;
  readonly topology: Topology;
  /** Nanotron's checkpoint version; null for Hugging Face. */
  readonly version: string | null;
  /** Order of q and k rows; null when it is not known. */
  readonly ropeInterleaved: boolean | null;
  readonly files: number;
  /** Elements and bytes of all stored tensors. */
  readonly parameters: number;
  readonly bytes: number;
  readonly dtypes: Readonly<Partial<Record<DType, { readonly tensors: number; readonly bytes: number }>>>;
  readonly tensors: readonly InspectedTensor[];
  /** Settings under their Hugging Face names, defaults filled in; the raw config when no plugin fits. */
  readonly config: Values;
  readonly sideFiles: readonly string[];
  /** False when a problem is an error: it would stop a conversion. */
  readonly sound: boolean;
  readonly problems: readonly Finding[];
}

export interface InspectedTensor {
  /** A Nanotron rank's part ends in `@tp` and its rank. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Relative to `path`. */
  readonly file: string;
  readonly bytes: number;
}

export async function inspect(context: Context, path: string, options: InspectOptions): Promise<InspectReport> {
  const { checkpoint, layout } = await openCheckpoint(context, path);
  const model = tryModel(context, checkpoint, layout, options);
  const problems: Finding[] = [
    ...("error" in model ? [asError(model.error)] : model.stored.problems.map(asError)),
    ...checkpoint.problems.map((problem) => ({ ...problem, severity: "warning" as const })),
    ...("error" in model ? [] : unexpected(model)),
  ];
  const known = "error" in model ? undefined : model;
  const tensors = [...checkpoint.tensors.values()].map((tensor) => describe(checkpoint, tensor));
  return {
    path: checkpoint.root,
    layout: layout.name,
    plugin: known?.match.plugin.name ?? null,
    topology: checkpoint.topology,
    version: checkpoint.version ?? null,
    ropeInterleaved: known?.arrangement.ropeInterleaved ?? null,
    files: checkpoint.files.length,
    parameters: tensors.reduce((sum, { shape }) => sum + numElements(shape), 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    dtypes: countDtypes(tensors),
    tensors,
    config: known?.match.configuration.settings ?? checkpoint.rawConfig,
    sideFiles: checkpoint.sideFiles,
    sound: problems.every(({ severity }) => severity !== "error"),
    problems,
  };
}

function tryModel(context: Context, checkpoint: Checkpoint, layout: Layout, options: InspectOptions): Model | { error: WeighbridgeError } {
  if (options.plugin !== undefined) context.plugins.get(options.plugin);
  try {
    return modelOf(context, checkpoint, layout, options);
  } catch (error) {
    if (error instanceof WeighbridgeError && !(error instanceof UsageError)) return { error };
    throw error;
  }
}

const asError = ({ code, message }: WeighbridgeError): Finding => ({ severity: "error", code, message });

const unexpected = (model: Model): Finding[] => [
  ...differences(model.match, model.checkpoint).map((message) => ({ severity: "warning", code: "UNEXPECTED_VALUE", message }) as const),
  ...unknownKeys(model).map((message) => ({ severity: "warning", code: "UNKNOWN_KEYS", message }) as const),
];

function describe({ root, files }: Checkpoint, { key, dtype, shape, file, byteStart, byteEnd }: StoredTensor): InspectedTensor {
  const path = files[file]?.path ?? "";
  return { name: key, dtype, shape, file: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path, bytes: byteEnd - byteStart };
}

function countDtypes(tensors: readonly InspectedTensor[]): InspectReport["dtypes"] {
  const counts: Partial<Record<DType, { tensors: number; bytes: number }>> = {};
  for (const { dtype, bytes } of tensors) {
    const count = counts[dtype] ?? { tensors: 0, bytes: 0 };
    counts[dtype] = { tensors: count.tensors + 1, bytes: count.bytes + bytes };
  }
  return counts;
}
