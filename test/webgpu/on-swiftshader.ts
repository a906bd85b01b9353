// Runs the GPU executor's tests, dist/test/webgpu/*.spec.js, in a process that finds SwiftShader: a Vulkan driver must be in the
// environment before Node starts. On a machine for which there is none, or with WEIGHBRIDGE_GPU=own, they run on its own GPU.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { swiftshaderEnvironment } from "./swiftshader.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const mocha = fileURLToPath(import.meta.resolve("mocha/bin/mocha.js"));
const environment = process.env.WEIGHBRIDGE_GPU === "own" ? {} : swiftshaderEnvironment();
const args = [mocha, "--timeout", "120000", join(here, "*.spec.js"), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...environment } });
process.exitCode = status ?? 1;
