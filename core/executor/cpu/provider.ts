// The CPU executor works everywhere.

import type { ExecutorProvider } from "../executor.js";
import { CpuExecutor } from "./cpu-executor.js";

export const cpuProvider: ExecutorProvider = {
  name: "cpu",
  unavailable: async () => undefined,
  open: async (store) => new CpuExecutor(store),
};
