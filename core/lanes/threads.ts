// Threads that work on lanes. On local files that is faster than one thread's asynchronous calls: nothing waits to be told of an
// end, and gathering and comparing take every core.

import { Worker } from "node:worker_threads";
import type { Lane } from "./lanes.js";
import { type Answer, type LaneOrder, type ThreadSetup, unpacked } from "./thread-messages.js";
import type { LaneJob, LaneResult, LaneWorker } from "./worker.js";

interface Waiting {
  readonly resolve: (result: LaneResult) => void;
  readonly reject: (error: Error) => void;
}

export class LaneThread implements LaneWorker {
  private readonly thread: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private orders = 0;
  private failure: Error | undefined;

  constructor(job: LaneJob, cancelled: Int32Array) {
    const workerData: ThreadSetup = { job, cancelled };
    // Flags such as --input-type, which a program may have been started with, are not for the entry.
    this.thread = new Worker(new URL(import.meta.resolve("#compiled/core/lanes/thread.js")), { execArgv: [], workerData });
    this.thread.on("message", (answer: Answer) => this.settle(answer));
    this.thread.on("error", (cause) => this.fail(new Error(`a thread failed: ${cause.message}`, { cause })));
    this.thread.on("exit", () => this.fail(new Error("a thread ended before its work")));
  }

  work(lane: Lane, where: string): Promise<LaneResult> {
    return this.order(lane, where);
  }

  /** Files are closed, then the thread ends. @throws {StorageError} a file's last bytes could not be written */
  async close(): Promise<void> {
    try {
      await this.order(undefined, "");
    } finally {
      await this.thread.terminate();
    }
  }

  private order(lane: Lane | undefined, where: string): Promise<LaneResult> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      const order: LaneOrder = { number: this.orders++, lane, where };
      this.waiting.set(order.number, { resolve, reject });
      this.thread.postMessage(order);
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
