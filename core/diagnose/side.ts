// One of the two checkpoints that a diagnosis is about.

import type { Architecture } from "../architecture/architecture.js";
import type { Arrangement, Checkpoint } from "../layout/layout.js";
import type { Twin } from "../plan/match-slots.js";
import type { VerifySide } from "../verify/parameters.js";

/** One checkpoint of a case. */
export interface Side extends VerifySide {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
  readonly arrangement: Arrangement;
  /** Hugging Face names of tensors that are stored in another shape than the side's own config says: there, and not to be read. */
  readonly misshapen: readonly string[];
  /** Stored tensors that the config says are others under a second name. */
  readonly twins: readonly Twin[];
}
