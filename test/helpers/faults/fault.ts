// A fault that a real conversion had: a value that says where it is one, what it must change, and how to put it into a right checkpoint.
// Written from the formats alone, so that no mistake of the engine's mapping can hide in here too.

import { type CheckpointFiles, type Facts, openFiles } from "./checkpoint-files.js";

export interface FaultCase {
  /** As silent faults are numbered; several cases may be forms of one. */
  readonly id: string;
  readonly title: string;
  /** Where it is a fault at all, by layout, topology and sizes; everywhere by default. */
  readonly where?: (facts: Facts) => boolean;
  /** What it is anywhere else. */
  readonly elsewhere?: string;
  /** Hugging Face names of the tensors that must be found different; none for a fault in the config alone. */
  readonly changes: (facts: Facts) => readonly string[];
  /** The settings that must be found different. */
  readonly settings?: readonly string[];
  /** Where the two forwards part. */
  readonly stage: (facts: Facts) => string;
  readonly edit: (files: CheckpointFiles) => void;
}

export interface Fault extends Omit<FaultCase, "edit" | "where"> {
  readonly appliesTo: (facts: Facts) => boolean;
  /** Changes a checkpoint folder in place: no file, no tensor and no shape comes or goes. */
  readonly inject: (folder: string) => void;
}

export const fault = ({ edit, where = () => true, ...rest }: FaultCase): Fault => ({
  ...rest,
  appliesTo: where,
  inject: (folder) => edit(openFiles(folder)),
});

/** Faults of one layer are put into the second, neither the first nor the last of more than two; of a model of one, into that. */
export const layerOf = ({ layers }: Pick<Facts, "layers">): number => Math.min(1, layers - 1);

export const inLayer = (name: string, layer: number): string => `model.layers.${layer}.${name}.weight`;
export const inOneLayer =
  (...names: readonly string[]) =>
  (facts: Facts): string[] =>
    names.map((name) => inLayer(name, layerOf(facts)));
export const inEveryLayer =
  (...names: readonly string[]) =>
  ({ layers }: Facts): string[] =>
    Array.from({ length: layers }, (_, layer) => names.map((name) => inLayer(name, layer))).flat();

export const isNanotron = ({ layout }: Facts): boolean => layout === "nanotron";

/** Where the forwards part for a fault of one layer. */
export const attention = { stage: (facts: Facts) => `layer ${layerOf(facts)} attention` } as const;
export const feedForward = { stage: (facts: Facts) => `layer ${layerOf(facts)} feed-forward` } as const;

const MOST_FORMER_RANKS = 64;

/** The ranks that a Hugging Face checkpoint was joined from: the fewest, more than one, that all sizes allow; one where none do. */
export function formerTp(...sizes: readonly number[]): number {
  for (let tp = 2; tp <= MOST_FORMER_RANKS; tp++) if (sizes.every((size) => size % tp === 0)) return tp;
  return 1;
}
