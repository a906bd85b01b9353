// Runs the GPU executor's tests, dist/test/webgpu/*.spec.js, in a process that finds SwiftShader. On a machine for which there is
// none, or with WEIGHBRIDGE_GPU=own, they run on its own GPU.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeWithGpu } from "./with-gpu.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const mocha = fileURLToPath(import.meta.resolve("mocha/bin/mocha.js"));
process.exitCode = nodeWithGpu([mocha, "--timeout", "120000", join(here, "*.spec.js"), ...process.argv.slice(2)]);
