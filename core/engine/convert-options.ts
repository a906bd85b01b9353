// What can be asked of convert.

import type { CrewOptions } from "../lanes/crew.js";
import type { Progress } from "../reporter.js";
import type { PlanOptions } from "./prepared.js";

/** Each includes the one before it. */
export type Verified = "none" | "parameters" | "predictions";

export interface ConvertOptions extends PlanOptions, CrewOptions {
  /**
   * What must hold before the output is published. `parameters` reads it back and compares every element; `predictions` also
   * runs both frameworks' forwards and compares what they predict. By default predictions too where that is cheap: with an
   * executor other than the CPU's, or under 1 GB of weights; not after a cast or an allowed semantic loss, which change them.
   * An executor that fails is an error only where predictions were asked for; else a warning, and `verified` says parameters.
   */
  readonly verify?: Verified | undefined;
  /** Replace the destination once the new one is complete; one that holds a training run's state is refused. */
  readonly overwrite?: boolean | undefined;
  /** Compile and prove, write nothing. */
  readonly dryRun?: boolean | undefined;
  /** Put a content hash of every tensor, read back from the output, into the receipt: two checkpoints then compare by receipt alone. */
  readonly hash?: boolean | undefined;
  /** Whether the output survives a power failure from the moment it has its name; true by default. */
  readonly fsync?: boolean | undefined;
  /** The output's path as Nanotron will see it; the destination's absolute path by default. */
  readonly nanotronRoot?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What was compared, and a notice where that is less than was meant: there was no forward to run, or an executor failed. */
export interface Checked {
  readonly verified: Verified;
  readonly notice?: string;
}

/** One conversion under way. */
export interface Writing {
  readonly path: string;
  readonly destination: string;
  readonly options: ConvertOptions;
  readonly check: Verified;
}
