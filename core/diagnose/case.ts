// What a hypothesis is held against: two checkpoints, where they differ, and their tensors in one order of bytes.

import type { Plugin, Value } from "../architecture/declaration.js";
import type { ParametersReport } from "../verify/parameters.js";
import type { CanonicalTensors } from "./canonical-tensors.js";
import type { Side } from "./side.js";

/** A setting of the forward, as each side's framework takes it. */
export interface SettingDifference {
  readonly name: string;
  readonly a: Value;
  readonly b: Value;
}

export interface Case {
  /** Believed right. */
  readonly a: Side;
  /** Suspected. */
  readonly b: Side;
  readonly plugin: Plugin;
  readonly parameters: ParametersReport;
  readonly settings: readonly SettingDifference[];
  readonly tensors: CanonicalTensors;
  /** Called when a differing tensor has been gone through, by its Hugging Face name. */
  readonly onTensor: (name: string) => void;
}

/** Hugging Face names of all tensors that are not equal in every respect. */
export const differingTensors = ({ parameters }: Case): string[] => [
  ...parameters.different,
  ...parameters.missing,
  ...parameters.extra,
  ...parameters.otherDtype,
  ...parameters.rounded,
];
