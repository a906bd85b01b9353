// What a thread runs: it follows the orders that it is sent, in turn, and answers each with its result or with what went wrong.

import { parentPort, workerData } from "node:worker_threads";
import { blockingFiles } from "../store/blocking-files.js";
import type { LaneResult, LaneWorker } from "./job.js";
import { type Answer, type NumberedOrder, type Order, packed, type ThreadSetup } from "./thread-messages.js";
import { laneWorker } from "./worker.js";

const { cancelled } = workerData as ThreadSetup;
const isCancelled = () => Atomics.load(cancelled, 0) !== 0;
const NOTHING: LaneResult = { bytes: 0 };

let worker: LaneWorker | undefined;
let last = Promise.resolve();
parentPort?.on("message", (numbered: NumberedOrder) => {
  last = last.then(async () => parentPort?.postMessage(await answer(numbered)));
});

async function answer({ number, order }: NumberedOrder): Promise<Answer> {
  try {
    return { number, result: await follow(order) };
  } catch (error) {
    return { number, failure: packed(error) };
  }
}

async function follow(order: Order): Promise<LaneResult> {
  switch (order.kind) {
    case "begin":
      worker = laneWorker(blockingFiles, order.job, isCancelled);
      return NOTHING;
    case "work":
      return (await worker?.work(order.lane, order.where)) ?? NOTHING;
    case "close":
      await worker?.close();
      worker = undefined;
      return NOTHING;
  }
}
