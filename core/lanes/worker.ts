// Who does something with lanes, one by one: this thread, on any store, or threads of their own, on local files.

import type { FileAccess } from "../store/store.js";
import { Comparer } from "./compare.js";
import { Copier } from "./copy.js";
import type { LaneJob, LaneWorker } from "./job.js";

export const laneWorker = (files: FileAccess, job: LaneJob, isCancelled: () => boolean): LaneWorker =>
  job.kind === "copy" ? new Copier(files, job, isCancelled) : new Comparer(files, job, isCancelled);
