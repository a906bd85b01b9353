// The verifier and the doctor on trial, where a GPU can be found: `run.ts` says how.

import { fileURLToPath } from "node:url";
import { nodeWithGpu } from "../webgpu/with-gpu.js";

process.exitCode = nodeWithGpu([fileURLToPath(new URL("./mutants/run.js", import.meta.url)), ...process.argv.slice(2)]);
