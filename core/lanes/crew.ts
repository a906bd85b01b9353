// The workers of one conversion or comparison: as many threads as are worth it, or none but this one.

import { availableParallelism } from "node:os";
import { UsageError } from "../errors.js";
import { drain } from "../parallel.js";
import { openFileLimit } from "../store/open-file-limit.js";
import type { Store } from "../store/store.js";
import type { LaneJob, LaneResult, LaneWorker } from "./job.js";
import { LaneThread } from "./lane-thread.js";
import type { Lane } from "./lanes.js";
import { MAX_TILE_BYTES } from "./tiles.js";
import { laneWorker } from "./worker.js";

/** More read and write no faster, and each costs some 12 MB. */
const MAX_THREADS = 8;
/** No machine reads or writes faster with more, and each has to start. */
const MOST_THREADS = 64;
/** Less is done before threads have started. */
const WORTH_THREADS_BYTES = 64 * 1024 * 1024;
/** What a thread has open at most, of both sides, and what the rest of the process has. */
const FILES_PER_THREAD = 96;
const OTHER_FILES = 64;
/** So that a thread need not wait for its next lane. */
const LANES_PER_THREAD = 2;
/** Without threads: twice as many as Node reads and writes at once, so that none of these waits for JavaScript. */
const LANES_WITHOUT_THREADS = 8;

/** What workers hold of the weights at most: the bytes read, those of the other side, and the same put together or cast. */
export const LANE_BUFFER_BYTES = LANES_WITHOUT_THREADS * 3 * MAX_TILE_BYTES;

export interface CrewOptions {
  /** How many read and write; by default as many as there are cores, up to 8, where the work is worth it. 1: none but this one. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LaneTask {
  readonly lane: Lane;
  /** The tensor's name, for errors. */
  readonly where: string;
}

export interface CrewWork<T extends LaneTask> {
  readonly job: LaneJob;
  /** Of all lanes. */
  readonly totalBytes: number;
  /** Hands out tasks until it returns undefined. */
  readonly next: () => T | undefined;
  /** What is to be done around the work on a task's lane. */
  readonly around: (task: T, work: () => Promise<LaneResult>) => Promise<void>;
}

export class Crew {
  private readonly cancelled = new Int32Array(new SharedArrayBuffer(4));
  private readonly cancel = () => void Atomics.store(this.cancelled, 0, 1);
  private readonly threads: LaneThread[] = [];

  /** @throws {UsageError} a number of threads that cannot be */
  constructor(
    private readonly store: Store,
    private readonly options: CrewOptions = {},
  ) {
    const { threads = 1 } = options;
    if (!Number.isSafeInteger(threads) || threads < 1 || threads > MOST_THREADS) {
      throw new UsageError(`threads ${JSON.stringify(threads)}: expected a whole number from 1 to ${MOST_THREADS}`);
    }
    if (options.signal?.aborted === true) this.cancel();
    options.signal?.addEventListener("abort", this.cancel);
  }

  /** Have threads started by the time there is work, if so many bytes are worth it. */
  muster(totalBytes: number): void {
    if (this.threads.length > 0) return;
    for (let wanted = this.numThreads(totalBytes); wanted > 0; wanted--) {
      try {
        this.threads.push(new LaneThread(this.cancelled));
      } catch {
        return; // the system allows no more: those there are, or this one alone, do the work
      }
    }
  }

  /** @throws {StorageError | UnsupportedError | CancelledError} after the lanes under way have ended */
  async work<T extends LaneTask>({ job, totalBytes, next, around }: CrewWork<T>): Promise<void> {
    this.muster(totalBytes);
    const isCancelled = () => Atomics.load(this.cancelled, 0) !== 0;
    const isAlone = this.threads.length === 0;
    const workers: LaneWorker[] = isAlone ? [laneWorker(this.store, job, isCancelled)] : this.threads.map((thread) => thread.begin(job));
    const width = isAlone ? LANES_WITHOUT_THREADS : workers.length * LANES_PER_THREAD;
    try {
      await drain(width, next, (task, number) => {
        const worker = workers[number % workers.length] as LaneWorker;
        return around(task, () => worker.work(task.lane, task.where));
      });
    } catch (error) {
      await Promise.allSettled(workers.map((worker) => worker.close()));
      throw error;
    }
    await Promise.all(workers.map((worker) => worker.close()));
  }

  /** Its threads and their memory are gone. */
  async close(): Promise<void> {
    this.options.signal?.removeEventListener("abort", this.cancel);
    await Promise.all(this.threads.splice(0).map((thread) => thread.end()));
  }

  private numThreads(totalBytes: number): number {
    const { threads } = this.options;
    if (this.store.isLocal !== true || threads === 1) return 0;
    if (threads === undefined && totalBytes < WORTH_THREADS_BYTES) return 0;
    const wanted = threads ?? Math.min(availableParallelism(), MAX_THREADS);
    const files = openFileLimit() ?? Number.POSITIVE_INFINITY;
    return Math.min(wanted, Math.max(0, Math.floor((files - OTHER_FILES) / FILES_PER_THREAD)));
  }
}

/** Have a crew for as long as `body` runs. */
export async function withCrew<T>(store: Store, options: CrewOptions, body: (crew: Crew) => Promise<T>): Promise<T> {
  const crew = new Crew(store, options);
  try {
    return await body(crew);
  } finally {
    await crew.close();
  }
}
