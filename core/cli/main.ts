#!/usr/bin/env node
// The command line: parses, calls the engine, prints. stdout is the result, stderr progress. Exit 0 yes, 1 failed, 2 usage.

import { isAbsolute, join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import type { CastTarget, LayoutName } from "../architecture/declaration.js";
import type { ConvertOptions } from "../engine/convert.js";
import type { Prepared } from "../engine/prepare.js";
import { createEngine, type Engine } from "../engine.js";
import { UsageError, WeighbridgeError } from "../errors.js";
import type { NanotronVersion } from "../layout/layout.js";
import { plannedBytes } from "../plan/plan.js";
import { byteSize, positiveInteger, yesNo } from "./options.js";

interface Flags {
  readonly to: LayoutName;
  readonly tp?: number;
  readonly pp?: number;
  readonly plugin?: string;
  readonly dtype?: CastTarget;
  readonly nanotronVersion?: NanotronVersion;
  readonly nanotronRoot?: string;
  readonly ropeInterleaved?: boolean;
  readonly sourceRopeInterleaved?: boolean;
  readonly allowSemanticLoss?: boolean;
  readonly maxShardSize?: number;
  readonly strict?: boolean;
  readonly verify?: "none" | "parameters";
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const program = new Command("weighbridge")
  .description("Carries LLM checkpoints between Hugging Face and Nanotron, and proves what arrives.")
  .exitOverride()
  .option("--debug", "print stack traces");
program.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "weighbridge: ")) });

withPlanOptions(program.command("convert <source> <destination>").description("write a checkpoint in another layout or topology"))
  .option("--nanotron-root <path>", "the destination's path as Nanotron will see it")
  .addOption(new Option("--verify <check>", "compare the output with the source before publishing it").choices(["none", "parameters"]))
  .option("--overwrite", "replace the destination once the new one is complete")
  .option("--dry-run", "compile and prove, write nothing")
  .option("--quiet", "no progress")
  .action(runConvert);

withPlanOptions(program.command("plan <source>").description("compile and prove a conversion, and say what it costs")).action(
  runPlanCommand,
);

program
  .command("verify <a> <b>")
  .description("compare two checkpoints tensor by tensor, whatever their layouts")
  .addOption(new Option("--checks <checks>", "what to compare").choices(["parameters"]).default("parameters"))
  .option("--plugin <name>", "architecture plugin, instead of the one the config matches")
  .option("--source-rope-interleaved <yes|no>", "for a Nanotron checkpoint whose config does not say", yesNo)
  .option("--json", "print one JSON document")
  .action(runVerify);

program
  .command("plugins")
  .description("architecture plugins")
  .command("list")
  .option("--json", "print one JSON document")
  .action(({ json }: { json?: boolean }) => {
    const plugins = createEngine()
      .plugins()
      .map(({ name, family, origin, description }) => ({ name, family, origin, description }));
    if (json === true) print(plugins);
    else
      for (const { name, origin, description } of plugins) process.stdout.write(`${name.padEnd(14)} ${origin.padEnd(10)} ${description}\n`);
  });

function withPlanOptions(command: Command): Command {
  return command
    .addOption(new Option("--to <layout>", "layout of the result").choices(["nanotron", "huggingface"]).makeOptionMandatory())
    .option("--tp <n>", "tensor-parallel size", positiveInteger)
    .option("--pp <n>", "pipeline-parallel size", positiveInteger)
    .option("--plugin <name|folder>", "architecture plugin, instead of the one the config matches")
    .addOption(new Option("--dtype <dtype>", "turn the weights into this dtype").choices(["BF16", "F16", "F32"]))
    .addOption(new Option("--nanotron-version <version>", "checkpoint version to write").choices(["1.4", "1.5"]))
    .option("--rope-interleaved", "store q and k in interleaved RoPE order")
    .option("--no-rope-interleaved", "store q and k in half-split RoPE order")
    .option("--source-rope-interleaved <yes|no>", "for a Nanotron source whose config does not say", yesNo)
    .option("--allow-semantic-loss", "go on where the weights stay exact and the forward differs")
    .option("--max-shard-size <size>", "bytes of a Hugging Face shard, e.g. 5GB", byteSize)
    .option("--strict", "treat warnings as errors")
    .option("--json", "print one JSON document");
}

/** A plugin may be named by its folder; it then joins the built-in ones. */
function engineFor({ plugin }: Flags): { engine: Engine; plugin: string | undefined } {
  if (plugin === undefined || !/[/\\.]/.test(plugin)) return { engine: createEngine(), plugin };
  const folder = isAbsolute(plugin) ? plugin : join(process.cwd(), plugin);
  const engine = createEngine({ plugins: [folder] });
  return { engine, plugin: engine.plugins().at(-1)?.name };
}

async function runConvert(source: string, destination: string, flags: Flags): Promise<void> {
  const { engine, plugin } = engineFor(flags);
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  const options: ConvertOptions = {
    ...flags,
    plugin,
    maxShardBytes: flags.maxShardSize,
    signal: abort.signal,
    onProgress: progress(flags),
  };
  const result = await engine.convert(source, destination, options);
  if (flags.json === true) return print(result);
  for (const line of [...result.warnings, ...result.semanticLosses.map((loss) => `forward differs: ${loss}`)])
    process.stderr.write(`weighbridge: warning: ${line}\n`);
  const verb = result.written ? "wrote" : "would write";
  process.stdout.write(
    `${verb} ${destination}: ${flags.to}, plugin ${result.plugin}, ${result.files} files, ${result.bytes} bytes of weights; plan proven, ${result.segments} segments; ${result.verified === "none" ? "not compared" : "every element compared"}\n`,
  );
}

function progress({ quiet, json }: Flags): ConvertOptions["onProgress"] {
  if (quiet === true || json === true || !process.stderr.isTTY) return undefined;
  return ({ bytes, totalBytes }) =>
    process.stderr.write(`\r${Math.floor((100 * bytes) / totalBytes)} %${bytes === totalBytes ? "\n" : ""}`);
}

async function runPlanCommand(source: string, flags: Flags): Promise<void> {
  const { engine, plugin } = engineFor(flags);
  const prepared = await engine.plan(source, { ...flags, plugin, maxShardBytes: flags.maxShardSize });
  if (flags.json === true) return print(planDocument(prepared));
  const { plan, match, losses, warnings } = prepared;
  for (const line of [...warnings, ...losses]) process.stderr.write(`weighbridge: warning: ${line}\n`);
  process.stdout.write(
    `proven: plugin ${match.plugin.name}, ${plan.sources.length} files to ${plan.targets.length}, ${plannedBytes(plan)} bytes in ${plan.segments.length} segments\n`,
  );
}

async function runVerify(a: string, b: string, flags: { plugin?: string; sourceRopeInterleaved?: boolean; json?: boolean }): Promise<void> {
  const report = await createEngine().verify(a, b, flags);
  process.exitCode = report.verdict === "equal" ? 0 : 1;
  if (flags.json === true) return print(report);
  const { equal, ...others } = report.parameters;
  process.stdout.write(`${report.verdict}: ${equal.length} tensors equal; ${report.evidence}\n`);
  for (const [finding, names] of Object.entries(others)) if (names.length > 0) process.stdout.write(`  ${finding}: ${names.join(", ")}\n`);
  for (const setting of report.settings) process.stdout.write(`  setting ${setting}\n`);
}

const planDocument = ({ plan, match, losses, warnings }: Prepared) => ({
  plugin: match.plugin.name,
  proven: true,
  bytes: plannedBytes(plan),
  semanticLosses: losses,
  warnings,
  ...plan,
});

function print(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

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
  process.stderr.write(`weighbridge: ${error.message}\n`);
  if (program.opts<{ debug?: boolean }>().debug === true) process.stderr.write(`${error.stack}\n`);
  return error instanceof UsageError ? 2 : 1;
}
