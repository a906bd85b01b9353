// npm run test:plugins: the kit on every built-in plugin, on the CPU executor, and the forwards once more on the GPU executor. The two
// run side by side in processes of their own, and each says its whole say when it has ended.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const mocha = fileURLToPath(import.meta.resolve("mocha/bin/mocha.js"));
/** Of one plugin, or of all. */
const [, , plugin] = process.argv;
const titles = plugin === undefined ? "plugin " : `plugin ${plugin.replaceAll(".", "\\.")} `;

const parts: readonly (readonly [title: string, args: readonly string[]])[] = [
  ["CPU", [mocha, "--timeout", "120000", "--fail-zero", here("*.test.js"), "--grep", plugin === undefined ? "" : `^${titles}`]],
  ["WebGPU", [here("../webgpu/on-swiftshader.js"), "--fail-zero", "--grep", `${titles}.*forwards agree`]],
];

function runPart(title: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code) => {
      process.stdout.write(`\n${title}\n${output}`);
      resolve(code === 0);
    });
  });
}

const outcomes = await Promise.all(parts.map(([title, args]) => runPart(title, args)));
if (outcomes.includes(false)) process.exitCode = 1;
