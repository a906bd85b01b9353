// A hypothesis: one known fault of conversions, and what of a case's differences it accounts for, to the byte.

import type { Case } from "./case.js";

export interface Hypothesis {
  /** As the catalogue of silent faults numbers it. */
  readonly fault: string;
  readonly name: string;
  /**
   * The forms of the fault that account for some of the differences. A form accounts for a tensor only if the fault, made in A,
   * gives B's bytes, or undone in B, gives A's: nothing is likely here, it is so or not.
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
