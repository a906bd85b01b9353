// What a thread runs: it works on the lanes it is sent, in turn, and answers each with its result or with what went wrong.

import { parentPort, workerData } from "node:worker_threads";
import { blockingFiles } from "../store/blocking-files.js";
import { type Answer, type LaneOrder, packed, type ThreadSetup } from "./thread-messages.js";
import { laneWorker } from "./worker.js";

const { job, cancelled } = workerData as ThreadSetup;
const worker = laneWorker(blockingFiles, job, () => Atomics.load(cancelled, 0) !== 0);

let last = Promise.resolve();
parentPort?.on("message", (order: LaneOrder) => {
  last = last.then(async () => parentPort?.postMessage(await answer(order)));
});

/** The last order has no lane. */
async function answer({ number, lane, where }: LaneOrder): Promise<Answer> {
  try {
    if (lane !== undefined) return { number, result: await worker.work(lane, where) };
    await worker.close();
    return { number, result: { bytes: 0 } };
  } catch (error) {
    return { number, failure: packed(error) };
  }
}
