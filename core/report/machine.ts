// What this process runs on, for the report.

import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";
import { packageVersion } from "../version.js";
import type { Machine } from "./environment.js";

export const thisMachine = (): Machine => ({
  weighbridge: packageVersion(),
  node: process.versions.node,
  platform: `${platform()} ${arch()}`,
  processor: `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores`,
  memoryBytes: totalmem(),
  time: new Date().toISOString(),
});
