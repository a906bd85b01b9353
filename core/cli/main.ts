#!/usr/bin/env node
// The command line: parses, calls the engine, prints. stdout is the result, stderr progress. Exit 0 yes, 1 failed, 2 usage.

import { Command, CommanderError } from "commander";
import { UsageError, WeighbridgeError } from "../errors.js";
import { addConvert, addPlan } from "./convert.js";
import { addInspect } from "./inspect.js";
import { errorDocument, printDocument } from "./output.js";
import { addPlugins } from "./plugins.js";
import { addVerify } from "./verify.js";

const program = new Command("weighbridge")
  .description("Carries LLM checkpoints between Hugging Face and Nanotron, and proves what arrives.")
  .option("--debug", "print stack traces")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "weighbridge: ")) });
for (const add of [addConvert, addPlan, addInspect, addVerify, addPlugins]) add(program);

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof WeighbridgeError)) throw error;
  if (process.argv.includes("--json")) printDocument(errorDocument(error));
  process.stderr.write(`${error.message.replace(/^/gm, "weighbridge: ")}\n`);
  if (process.argv.includes("--debug")) process.stderr.write(`${error.stack}\n`);
  return error instanceof UsageError ? 2 : 1;
}
