// What a report shows beyond a verification's result: every tensor where it is stored on both sides, and what each rank or file holds.

import type { StoredTensor } from "../layout/layout.js";
import type { DType } from "../tensor/dtype.js";
import type { ParametersReport } from "../verify/parameters.js";
import type { Model } from "./open.js";

export type Finding = keyof ParametersReport;

/** A Hugging Face tensor, or one that only B stores. */
export interface TensorDetails {
  readonly name: string;
  /** Null for one that no plugin explains. */
  readonly shape: readonly number[] | null;
  /** Null when tensors were not compared. */
  readonly finding: Finding | null;
  /** Null where nothing is stored. */
  readonly a: StoredDetails | null;
  readonly b: StoredDetails | null;
}

/** Where a layout keeps a tensor. */
export interface StoredDetails {
  /** The framework's own name of what holds it. */
  readonly name: string;
  readonly dtype: DType;
  /** Stored tensors that together hold it: one for each rank where it is sharded. */
  readonly parts: number;
}

/** What a rank holds; of a layout without ranks, a file. */
export interface PartDetails {
  readonly tp: number;
  readonly pp: number;
  /** The file's name; null for a rank, which has many. */
  readonly file: string | null;
  /** The model's blocks of which something is here, in their order, e.g. `decoder.0`. */
  readonly blocks: readonly string[];
  readonly bytes: number;
}

export interface VerifyDetails {
  readonly tensors: readonly TensorDetails[];
  /** Names of each model's blocks, in their order. */
  readonly blocksA: readonly string[];
  readonly blocksB: readonly string[];
  readonly partsA: readonly PartDetails[];
  readonly partsB: readonly PartDetails[];
}

export const verifyDetails = (a: Model, b: Model, found: ParametersReport | undefined): VerifyDetails => ({
  tensors: tensorDetails(a, b, found),
  blocksA: a.architecture.blocks.map(({ name }) => name),
  blocksB: b.architecture.blocks.map(({ name }) => name),
  partsA: partDetails(a),
  partsB: partDetails(b),
});

function tensorDetails(a: Model, b: Model, found: ParametersReport | undefined): TensorDetails[] {
  const findings = new Map<string, Finding>();
  // What was found wrong later in this list is said rather than what was found right.
  for (const finding of ["equal", "otherDtype", "rounded", "missing", "extra", "different"] as const) {
    for (const name of found?.[finding] ?? []) findings.set(name, finding);
  }
  const [ours, theirs] = [storedOf(a), storedOf(b)];
  const known = a.architecture.components.map(({ name, shape }) => ({ name, shape: shape as readonly number[] | null }));
  const names = new Set(known.map(({ name }) => name));
  const others = [...findings.keys()].filter((name) => !names.has(name)).map((name) => ({ name, shape: null }));
  return [...known, ...others].map(({ name, shape }) => ({
    name,
    shape,
    finding: findings.get(name) ?? null,
    a: ours.get(name) ?? null,
    b: theirs.get(name) ?? strayOf(b, name),
  }));
}

/** By Hugging Face name. */
function storedOf({ checkpoint, slots, architecture }: Model): Map<string, StoredDetails> {
  const found = new Map<string, StoredDetails>();
  for (const { key, name, pieces } of slots) {
    const stored = checkpoint.tensors.get(key);
    if (stored === undefined) continue;
    for (const component of new Set(pieces.map((piece) => piece.component))) {
      const of = architecture.components[component]?.name ?? "";
      found.set(of, { name, dtype: stored.dtype, parts: (found.get(of)?.parts ?? 0) + 1 });
    }
  }
  return found;
}

function strayOf({ checkpoint }: Model, key: string): StoredDetails | null {
  const stored = checkpoint.tensors.get(key);
  return stored === undefined ? null : { name: stored.name, dtype: stored.dtype, parts: 1 };
}

const bytesOf = ({ byteStart, byteEnd }: StoredTensor): number => byteEnd - byteStart;

/** A layout that places blocks has ranks; of another the files are shown. */
function partDetails(model: Model): PartDetails[] {
  const { checkpoint, layout, architecture, arrangement } = model;
  const ranks = layout.pipelineRanks?.(architecture, arrangement);
  const stored = blocksOfTensors(model);
  const part = (place: Pick<PartDetails, "tp" | "pp" | "file">, isHere: (tensor: StoredTensor, block: number) => boolean): PartDetails => {
    const here = stored.filter(({ tensor, block }) => isHere(tensor, block));
    const held = new Set(here.map(({ block }) => block));
    const blocks = architecture.blocks.filter((_, at) => held.has(at)).map(({ name }) => name);
    return { ...place, blocks, bytes: here.reduce((sum, { tensor }) => sum + bytesOf(tensor), 0) };
  };
  if (ranks === undefined) {
    return checkpoint.files.map(({ path }, file) =>
      part({ tp: 0, pp: 0, file: path.split("/").at(-1) ?? path }, (tensor) => tensor.file === file),
    );
  }
  const sizes = Array.from({ length: arrangement.pp }, (_, pp) => Array.from({ length: arrangement.tp }, (_, tp) => ({ tp, pp })));
  return sizes
    .flat()
    .map(({ tp, pp }) => part({ tp, pp, file: null }, (tensor, block) => ranks[block] === pp && (tensor.rank ?? tp) === tp));
}

function blocksOfTensors({ checkpoint, slots, architecture }: Model): { tensor: StoredTensor; block: number }[] {
  const blockOf = new Map(
    architecture.blocks.flatMap(({ parameters }, block) =>
      parameters.flatMap(({ components }) => components.map((it) => [it, block] as const)),
    ),
  );
  return slots.flatMap(({ key, pieces }) => {
    const tensor = checkpoint.tensors.get(key);
    const component = architecture.components[pieces[0]?.component ?? -1];
    const block = component === undefined ? undefined : blockOf.get(component);
    return tensor === undefined || block === undefined ? [] : [{ tensor, block }];
  });
}
