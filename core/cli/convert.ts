// weighbridge convert and plan.

import { type Command, Option } from "commander";
import type { ConvertResult } from "../engine/convert.js";
import type { Verified } from "../engine/convert-options.js";
import type { PlanReport } from "../engine/plan.js";
import { checkFlags, type PlanFlags, planOptions, withJson, withPlanOptions, withThreads } from "./options.js";
import { formatBytes, print, printDocument } from "./output.js";
import { withSession } from "./session.js";

interface ConvertFlags extends PlanFlags {
  readonly nanotronRoot?: string;
  readonly verify?: Verified;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly hash?: boolean;
  readonly fsync?: boolean;
  readonly threads?: number;
  readonly quiet?: boolean;
}

export function addConvert(program: Command): void {
  const command = program.command("convert <source> <destination>").description("write a checkpoint in another layout or topology");
  withJson(withThreads(withPlanOptions(command)))
    .option("--nanotron-root <path>", "the destination's path as Nanotron will see it")
    .addOption(
      new Option("--verify <check>", "compare the output with the source before publishing it").choices([
        "none",
        "parameters",
        "predictions",
      ]),
    )
    .option("--overwrite", "replace the destination once the new one is complete, unless it holds a training run's state")
    .option("--hash", "put a SHA-256 of every tensor into the receipt")
    .option("--no-fsync", "do not wait until the output would survive a power failure")
    .option("--dry-run", "compile and prove, write nothing")
    .option("--quiet", "no progress")
    .action(runConvert);
}

export function addPlan(program: Command): void {
  const command = program.command("plan <source>").description("compile and prove a conversion, and say what it costs");
  withJson(withPlanOptions(command)).action(runPlan);
}

function runConvert(source: string, destination: string, flags: ConvertFlags): Promise<void> {
  return withSession(
    { plugin: flags.plugin, isMatching: true, isStrict: flags.strict === true, isQuiet: flags.quiet === true || flags.json === true },
    async ({ engine, plugin, signal }) => {
      checkFlags(flags);
      const { nanotronRoot, verify, overwrite, dryRun, hash, fsync, threads } = flags;
      const options = { ...planOptions(flags, plugin), nanotronRoot, verify, overwrite, dryRun, hash, fsync, threads, signal };
      const result = await engine.convert(source, destination, options);
      if (flags.json === true) printDocument(result);
      else printResult(result);
    },
  );
}

function printResult({ written, verified, destination, target, plugin, files, bytes, segments }: ConvertResult): void {
  const ranks = target.layout === "nanotron" ? ` TP ${target.tp} PP ${target.pp}${target.ropeInterleaved ? ", interleaved RoPE" : ""}` : "";
  print(`${written ? "wrote" : "would write"} ${destination}`);
  print(`  ${target.layout}${ranks}, plugin ${plugin}, ${count(files, "weight file")}, ${formatBytes(bytes)} of weights`);
  print(`  plan proven, ${count(segments, "segment")}${written ? COMPARED[verified] : ""}`);
}

const COMPARED: Record<Verified, string> = {
  none: "; output not compared",
  parameters: "; output read back, every element compared",
  predictions: "; output read back, every element compared, and both frameworks' predictions",
};

function runPlan(source: string, flags: PlanFlags): Promise<void> {
  return withSession({ plugin: flags.plugin, isMatching: true, isStrict: flags.strict === true }, async ({ engine, plugin }) => {
    checkFlags(flags);
    const report = await engine.plan(source, planOptions(flags, plugin));
    if (flags.json === true) printDocument(report);
    else printPlan(report);
  });
}

function printPlan({ plugin, source, target, cost, plan, warnings, semanticLosses }: PlanReport): void {
  for (const line of [...warnings, ...semanticLosses.map((loss) => `the forward differs: ${loss}`)]) {
    process.stderr.write(`weighbridge: warning: ${line}\n`);
  }
  const side = ({ layout, tp, pp }: PlanReport["source"]) => (layout === "nanotron" ? `${layout} TP ${tp} PP ${pp}` : layout);
  print(`proven: ${side(source)} to ${side(target)}, plugin ${plugin}`);
  print(`  reads   ${count(plan.sources.length, "file")}`);
  print(`  writes  ${count(cost.files, "file")}, ${formatBytes(cost.fileBytes)}, in ${count(cost.segments, "segment")}`);
  print(`  memory  ${formatBytes(cost.bufferBytes)} of buffers at most, beside Node's own`);
  print(`  disk    ${formatBytes(cost.freeBytes)} free beside the source`);
  for (const { key, reason } of plan.unused) print(`  unused  ${key}: ${reason}`);
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
