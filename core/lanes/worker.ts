// Who does something with lanes, one by one: this thread, on any store, or threads of their own, on local files.

import type { FileAccess } from "../store/store.js";
import { Comparer, type Sameness } from "./compare.js";
import { Copier } from "./copy.js";
import type { Lane } from "./lanes.js";

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

export const laneWorker = (files: FileAccess, job: LaneJob, isCancelled: () => boolean): LaneWorker =>
  job.kind === "copy" ? new Copier(files, job, isCancelled) : new Comparer(files, job, isCancelled);
