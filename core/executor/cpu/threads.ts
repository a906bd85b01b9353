// Worker threads for the heavy ops. They start with the first op that is worth it, and never keep Node alive by themselves.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ExecutorError } from "../../errors.js";
import { operations, perform, split, type Task } from "./task.js";

/** Below this, a task's way to a thread and back costs more than the thread saves. */
const WORTH_THREADS = 2e7;

/** Past this many, memory's speed is the limit. */
const MAX_THREADS = 32;

/** What a thread is doing, and how its end is told. */
interface Job {
  readonly task: Task;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Threads {
  private workers: Worker[] = [];
  private readonly idle: Worker[] = [];
  private readonly waiting: Job[] = [];
  private readonly running = new Map<Worker, Job>();
  private closed = false;

  constructor(private readonly count = Math.min(availableParallelism(), MAX_THREADS)) {}

  /** Perform a task: on this thread when it is small, else in parts on all others. @throws {ExecutorError} a thread failed */
  async perform(task: Task): Promise<void> {
    if (this.count < 2 || operations(task) < WORTH_THREADS) {
      perform(task);
      return;
    }
    if (this.workers.length === 0 && !this.closed) this.start();
    const done = await Promise.allSettled(split(task, this.count).map((part) => this.enqueue(part)));
    const failure = done.find((part) => part.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  /** Work under way is given up: its ops reject. */
  async close(): Promise<void> {
    this.closed = true;
    const { workers } = this;
    this.fail(new ExecutorError("the cpu executor was closed", { hint: "open another one" }));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  private start(): void {
    // Compiled it is worker.js; run from its source it is worker.ts.
    const entry = new URL(import.meta.url.endsWith(".ts") ? "worker.ts" : "worker.js", import.meta.url);
    this.workers = Array.from({ length: this.count }, () => {
      const worker = new Worker(entry);
      worker.unref();
      worker.on("message", (failure: string | undefined) => this.settle(worker, failure));
      worker.on("error", (cause) => this.fail(new ExecutorError(`a thread of the cpu executor failed: ${cause.message}`, { cause })));
      return worker;
    });
    this.idle.push(...this.workers);
  }

  private enqueue(task: Task): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) reject(new ExecutorError("the cpu executor was closed", { hint: "open another one" }));
      else this.waiting.push({ task, resolve, reject });
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const [worker, job] = [this.idle.pop() as Worker, this.waiting.shift() as Job];
      this.running.set(worker, job);
      // Until it answers, Node must wait for it.
      worker.ref();
      worker.postMessage(job.task);
    }
  }

  private settle(worker: Worker, failure: string | undefined): void {
    const job = this.running.get(worker);
    this.running.delete(worker);
    worker.unref();
    this.idle.push(worker);
    if (failure === undefined) job?.resolve();
    else job?.reject(new ExecutorError(`a thread of the cpu executor failed: ${failure}`));
    this.dispatch();
  }

  /** Reject all that is under way, and let the threads go; the next heavy op starts new ones. */
  private fail(error: ExecutorError): void {
    for (const { reject } of [...this.running.values(), ...this.waiting]) reject(error);
    for (const worker of this.workers) {
      worker.removeAllListeners("message");
      worker.terminate().catch(() => {});
    }
    this.running.clear();
    this.waiting.length = 0;
    this.idle.length = 0;
    this.workers = [];
  }
}
