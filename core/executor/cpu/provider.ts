// The CPU executor works everywhere.

import type { ExecutorProvider } from "../executor.js";
import { CpuExecutor, cpuDevice } from "./cpu-executor.js";

export const cpuProvider: ExecutorProvider = {
  name: "cpu",
  unavailable: async () => undefined,
  device: async () => cpuDevice(),
  open: async (store) => new CpuExecutor(store),
};
