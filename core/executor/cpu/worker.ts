// What a thread runs: it performs the tasks it is sent, and answers each with nothing, or with what went wrong.

import { parentPort } from "node:worker_threads";
import { perform, type Task } from "./task.js";

parentPort?.on("message", (task: Task) => {
  let failure: string | undefined;
  try {
    perform(task);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  parentPort?.postMessage(failure);
});
