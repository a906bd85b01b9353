// A thread that works on lanes. On local files that is faster than one thread's asynchronous calls: nothing waits to be told of an
// end, and gathering and comparing take every core.

import { Worker } from "node:worker_threads";
import { StorageError } from "../errors.js";
import type { LaneJob, LaneResult, LaneWorker } from "./job.js";
import type { Lane } from "./lanes.js";
import { type Answer, type Order, type ThreadSetup, unpacked } from "./thread-messages.js";

const threadFailed = (what: string, cause?: unknown): StorageError =>
  new StorageError(`a thread that reads and writes failed: ${what}`, { cause, hint: "give --threads 1 to do without" });

interface Waiting {
  readonly resolve: (result: LaneResult) => void;
  readonly reject: (error: Error) => void;
}

export class LaneThread {
  private readonly thread: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private orders = 0;
  private failure: Error | undefined;

  /** @param cancelled - shared; not 0 when work is to end */
  constructor(cancelled: Int32Array) {
    const workerData: ThreadSetup = { cancelled };
    // Flags such as --input-type, which a program may have been started with, are not for the entry.
    this.thread = new Worker(new URL(import.meta.resolve("#compiled/core/lanes/thread.js")), { execArgv: [], workerData });
    this.thread.on("message", (answer: Answer) => this.settle(answer));
    this.thread.on("error", (cause) => this.fail(threadFailed(cause.message, cause)));
    this.thread.on("exit", () => this.fail(threadFailed("it ended before its work")));
  }

  /** One job at a time: close it before the next one begins. */
  begin(job: LaneJob): LaneWorker {
    void this.order({ kind: "begin", job }).catch(() => undefined); // the first lane will say it
    return {
      work: (lane: Lane, where: string) => this.order({ kind: "work", lane, where }),
      close: async () => void (await this.order({ kind: "close" })),
    };
  }

  async end(): Promise<void> {
    await this.thread.terminate();
  }

  private order(order: Order): Promise<LaneResult> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      const number = this.orders++;
      this.waiting.set(number, { resolve, reject });
      this.thread.postMessage({ number, order });
    });
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.number);
    this.waiting.delete(answer.number);
    if (answer.failure === undefined) waiting?.resolve(answer.result);
    else waiting?.reject(unpacked(answer.failure));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}
