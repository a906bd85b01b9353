// Worker threads for the heavy ops. They start with the first op that is worth it, and never keep Node alive by themselves.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ExecutorError } from "../../errors.js";
import { operations, perform, split, type Task } from "./task.js";

/**
 * Operations that are worth the way to a thread and back: some 3 ms of one thread. Measured on 2 cores, threads break even at
 * 0.1 times as many, give 1.7 times the speed at twice as many, and 2 times at 100 times as many.
 */
const WORTH_THREADS = 8e6;

/** Each thread costs some 10 MB and a start of tens of milliseconds. */
const MAX_THREADS = 32;

/** The entry is compiled: run from its source, under a loader that threads do not inherit, the executor keeps to one thread. */
const COMPILED = import.meta.url.endsWith(".js");

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

  constructor(private readonly count = COMPILED ? Math.min(availableParallelism(), MAX_THREADS) : 1) {}

  /** Perform a task: on this thread when it is small, else in parts on all others. @throws {ExecutorError} a thread failed */
  async perform(task: Task): Promise<void> {
    if (this.count < 2 || operations(task) < WORTH_THREADS) {
      perform(task);
      return;
    }
    if (this.workers.length === 0 && !this.closed) this.start();
    if (this.workers.length === 0 && !this.closed) {
      perform(task); // the system allows no thread
      return;
    }
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
    while (this.workers.length < this.count) {
      try {
        this.workers.push(this.startOne());
      } catch {
        break; // the system allows no more: those there are do the work
      }
    }
    this.idle.push(...this.workers);
  }

  private startOne(): Worker {
    // Flags such as --input-type, which a program may have been started with, are not for the entry.
    const worker = new Worker(new URL(import.meta.resolve("#compiled/core/executor/cpu/worker.js")), { execArgv: [] });
    worker.unref();
    worker.on("message", (failure: string | undefined) => this.settle(worker, failure));
    worker.on("error", (cause) => this.fail(new ExecutorError(`a thread of the cpu executor failed: ${cause.message}`, { cause })));
    return worker;
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
