#!/usr/bin/env node
// The command line: parses, calls the engine, prints. stdout is the result, stderr progress. Exit 0 yes, 1 failed, 2 usage.

import { Command, CommanderError } from "commander";
import { UsageError } from "../errors.js";
import { packageVersion } from "../version.js";
import { addConvert, addPlan } from "./convert.js";
import { addDoctor } from "./doctor.js";
import { addInspect } from "./inspect.js";
import { errorDocument, errorLines, printDocument } from "./output.js";
import { addPlugins } from "./plugins.js";
import { addPredict } from "./predict.js";
import { usageError } from "./usage.js";
import { addVerify } from "./verify.js";

const program = new Command("weighbridge")
  .description("Carries LLM checkpoints between Hugging Face and Nanotron, and proves what arrives.")
  .version(packageVersion())
  .option("--debug", "print stack traces, and why auto passed an executor over")
  .exitOverride()
  .configureOutput({ writeErr: () => undefined }); // report() says it
for (const add of [addConvert, addPlan, addInspect, addPredict, addVerify, addDoctor, addPlugins]) add(program);

// A reader that has seen enough (`| head`) is no failure; one of warnings and progress must not stop a conversion.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(thrown: unknown): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const words = process.argv.slice(2);
  const error = thrown instanceof CommanderError ? usageError(thrown, program, words) : thrown;
  if (words.includes("--json")) printDocument(errorDocument(error));
  process.stderr.write(`${errorLines(error)}\n`);
  if (words.includes("--debug")) process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  return error instanceof UsageError ? 2 : 1;
}
