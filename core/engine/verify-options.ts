// What can be asked of verify.

import type { CrewOptions } from "../lanes/crew.js";
import type { Progress } from "../reporter.js";
import type { ForwardChoices } from "./forwards.js";

/** `receipt` compares tensors by the content hashes of receipts, and reads the weights of a checkpoint that has none. */
export type Check = "parameters" | "predictions" | "receipt";

export const CHECKS: readonly Check[] = ["parameters", "predictions", "receipt"];

export interface VerifyOptions extends ForwardChoices, CrewOptions {
  readonly plugin?: string | undefined;
  /** For a Nanotron checkpoint whose config does not say. */
  readonly sourceRopeInterleaved?: boolean | undefined;
  /** Parameters and predictions by default. */
  readonly checks?: readonly Check[] | undefined;
  /** Predictions to make on a prompt that is not the caller's; 512 by default. */
  readonly predictions?: number | undefined;
  /** Predictions to show, counted from 0; the original scripts' 5, 27 and 34 by default, as far as the prompt reaches. */
  readonly positions?: readonly number[] | undefined;
  /** What an executor that fails under the forwards is: an error, as by default, or a note in `evidence` beside the parameters' word. */
  readonly executorFailure?: "error" | "note" | undefined;
  /** Best tokens to show at each; 10 by default. */
  readonly top?: number | undefined;
  /** Also gather what a report shows beyond the result: `details`, and the distribution of the logits' differences. */
  readonly details?: boolean | undefined;
  /** An HTML file to write a report to, `details` included; it may replace an earlier report. */
  readonly report?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called at every stage of the forwards, e.g. `layer 3 attention`. */
  readonly onStage?: ((name: string) => void) | undefined;
}
