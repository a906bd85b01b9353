// What is to be done with lanes, what comes of it, and who does it.

import type { Lane } from "./lanes.js";
import type { Sameness } from "./sameness.js";

/** Plain data: a thread is told it. */
export interface LaneJob {
  readonly kind: "copy" | "compare";
  /** Paths by the lanes' file numbers; all files are there already. */
  readonly sources: readonly string[];
  readonly targets: readonly string[];
}

export interface LaneResult {
  /** Written, or of the source's compared. */
  readonly bytes: number;
  /** Of a comparison. */
  readonly sameness?: Sameness;
}

export interface LaneWorker {
  /**
   * @param where - the name of the lane's tensor, for a value that a cast cannot hold
   * @throws {StorageError | UnsupportedError | CancelledError}
   */
  work(lane: Lane, where: string): Promise<LaneResult>;
  close(): Promise<void>;
}
