// The built command in a process of its own, as a person or a script runs it.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");

export const commandPath = join(root, "dist/core/cli/main.js");

export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A command under way, to be signalled; `outcome` settles when it has ended. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly outcome: Promise<Outcome>;
}

export const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => start(args, options).outcome;

export const start = (args: readonly string[], options: RunOptions = {}): Running =>
  observe(process.execPath, [commandPath, ...args], options);

/** A line for the shell, in which `$W` is the command. */
export const runShell = (line: string, options: RunOptions = {}): Promise<Outcome> =>
  observe("bash", ["-o", "pipefail", "-c", line], { ...options, env: { ...options.env, W: `${process.execPath} ${commandPath}` } }).outcome;

function observe(program: string, args: readonly string[], { stdin = "", env = {}, cwd }: RunOptions): Running {
  const child = spawn(program, args, { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }) });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined).end(stdin);
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, outcome };
}
