// A hypothesis: one known fault of conversions, and what of a case's differences it accounts for, to the byte.

import type { Case } from "./case.js";
import type { Form, Unit } from "./units.js";

/** A form accounts for a tensor only if the fault, made in A, gives B's bytes, or undone in B, gives A's: nothing is likely here. */
export type Hypothesis = UnitHypothesis | WholeHypothesis;

interface Named {
  /** As the catalogue of silent faults numbers it. */
  readonly fault: string;
  readonly name: string;
}

/** Of a fault inside single parameters: all such are held against a parameter while its tensors are in memory. */
export interface UnitHypothesis extends Named {
  /** Whether a fault moves rows between the tensors of a fused parameter, or stays within one. */
  readonly by: "parameter" | "tensor";
  /** The forms of the fault that account for all differences within the unit. */
  formsOf(unit: Unit, found: Case): readonly Form[];
}

/** Of a fault that must be looked for across the model. */
export interface WholeHypothesis extends Named {
  /**
   * The forms of the fault that account for some of the differences.
   *
   * @throws {StorageError | CancelledError}
   */
  explains(found: Case): Promise<readonly Account[]>;
}

/** One form of a fault, and the differences that it accounts for. */
export interface Account {
  /** What is wrong with B, in a sentence without its full stop. */
  readonly statement: string;
  /** What to do about it. */
  readonly fix: string;
  /** Tensors, by Hugging Face name. */
  readonly tensors: readonly string[];
  readonly settings: readonly string[];
}

export interface Explanation extends Account {
  readonly fault: string;
  readonly name: string;
}

/** What mends most: the weights are moved again, rightly. */
export const CONVERT_AGAIN = "convert the original again with `weighbridge convert`, which proves where every byte goes";
