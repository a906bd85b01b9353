// What the predictions check is given.

import type { Executor } from "../executor/executor.js";
import type { Forward, ForwardOptions, ForwardSource } from "../forward/forward.js";
import type { PositionRequest } from "./positions.js";

/** One side: its framework's forward, and its checkpoint as that framework sees it. */
export interface PredictionSide {
  readonly forward: Forward;
  readonly source: ForwardSource;
  /** Sizes that the limit follows from. */
  readonly layers: number;
  readonly hidden: number;
}

export interface PredictionRequest {
  readonly executor: Executor;
  readonly passedOver?: readonly string[];
  /** n + 1 ids. */
  readonly tokens: Uint32Array;
  readonly prompt: string;
  readonly options: ForwardOptions;
  readonly shown: PositionRequest;
  /** Measured only for a report: on a device it costs a look at every logit. */
  readonly wantsDistribution?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onStage?: ((name: string) => void) | undefined;
}
