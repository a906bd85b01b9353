// Starts a program where it finds a GPU: a Vulkan driver must be in the environment before Node starts. SwiftShader's is put there;
// on a machine for which there is none, or with WEIGHBRIDGE_GPU=own, the machine's own is what there is.

import { spawnSync } from "node:child_process";
import { swiftshaderEnvironment } from "./swiftshader.js";

/** @param args - Node's @returns the exit status */
export function nodeWithGpu(args: readonly string[]): number {
  const environment = process.env.WEIGHBRIDGE_GPU === "own" ? {} : swiftshaderEnvironment();
  return spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...environment } }).status ?? 1;
}
