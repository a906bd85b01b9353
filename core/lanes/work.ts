// Works through lanes with as many workers as are worth it.

import { availableParallelism } from "node:os";
import { drain } from "../parallel.js";
import type { Store } from "../store/store.js";
import type { Lane } from "./lanes.js";
import { LaneThread } from "./threads.js";
import { MAX_TILE_BYTES } from "./tiles.js";
import { type LaneJob, type LaneResult, type LaneWorker, laneWorker } from "./worker.js";

/** More read and write no faster, and each costs some 12 MB. */
const MAX_THREADS = 8;
/** Less is done before threads have started. */
const WORTH_THREADS_BYTES = 64 * 1024 * 1024;
/** So that a thread need not wait for its next lane. */
const LANES_PER_THREAD = 2;
/** Without threads: twice as many as Node reads and writes at once, so that none of these waits for JavaScript. */
const LANES_WITHOUT_THREADS = 8;

/** What workers hold of the weights at most: the bytes read, those of the other side, and the same put together or cast. */
export const LANE_BUFFER_BYTES = LANES_WITHOUT_THREADS * 3 * MAX_TILE_BYTES;

export interface LaneOptions {
  /** How many read and write; by default as many as there are cores, up to 8, where the work is worth it. 1: none but this one. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LaneTask {
  readonly lane: Lane;
  /** The tensor's name, for errors. */
  readonly where: string;
}

/**
 * @param totalBytes - of all lanes
 * @param next - hands out tasks until it returns undefined
 * @param task - what is to be done around the work on a lane
 * @throws {StorageError | UnsupportedError | CancelledError} after the lanes under way have ended
 */
export async function workLanes<T extends LaneTask>(
  store: Store,
  job: LaneJob,
  totalBytes: number,
  next: () => T | undefined,
  task: (task: T, work: () => Promise<LaneResult>) => Promise<void>,
  options: LaneOptions = {},
): Promise<void> {
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const cancel = () => void Atomics.store(cancelled, 0, 1);
  if (options.signal?.aborted === true) cancel();
  options.signal?.addEventListener("abort", cancel);
  const threads = numThreads(store, totalBytes, options);
  const workers: LaneWorker[] =
    threads === 0
      ? [laneWorker(store, job, () => Atomics.load(cancelled, 0) !== 0)]
      : Array.from({ length: threads }, () => new LaneThread(job, cancelled));
  const width = threads === 0 ? LANES_WITHOUT_THREADS : threads * LANES_PER_THREAD;
  try {
    await drain(width, next, (entry, number) => {
      const worker = workers[number % workers.length] as LaneWorker;
      return task(entry, () => worker.work(entry.lane, entry.where));
    });
  } catch (error) {
    await Promise.allSettled(workers.map((worker) => worker.close()));
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", cancel);
  }
  await Promise.all(workers.map((worker) => worker.close()));
}

function numThreads(store: Store, totalBytes: number, { threads }: LaneOptions): number {
  if (store.isLocal !== true || threads === 1) return 0;
  if (threads !== undefined) return threads;
  return totalBytes < WORTH_THREADS_BYTES ? 0 : Math.min(availableParallelism(), MAX_THREADS);
}
