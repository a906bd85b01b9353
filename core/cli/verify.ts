// weighbridge verify.

import { type Command, InvalidArgumentError } from "commander";
import type { VerifyReport } from "../engine/verify.js";
import type { Check } from "../engine/verify-options.js";
import { formatFigure } from "../format/figure.js";
import { briefNames } from "../format/name-groups.js";
import type { ParametersReport } from "../verify/parameters.js";
import type { PredictionsReport } from "../verify/predictions.js";
import { executorWords } from "./executor-words.js";
import {
  type ForwardFlags,
  forwardChoices,
  withForwardOptions,
  withJson,
  withModelOptions,
  withPositionOptions,
  withThreads,
} from "./options.js";
import { print, printDocument } from "./output.js";
import { printPositions } from "./positions.js";
import { withSession } from "./session.js";

interface VerifyFlags extends ForwardFlags {
  readonly plugin?: string;
  readonly sourceRopeInterleaved?: boolean;
  readonly checks?: readonly Check[];
  readonly threads?: number;
  readonly report?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function addVerify(program: Command): void {
  const command = program.command("verify <a> <b>").description("compare two checkpoints, whatever their layouts");
  withJson(withThreads(withPositionOptions(withForwardOptions(withModelOptions(command)))))
    .option("--checks <list>", "what to compare (default: parameters,predictions)", checks)
    .option("--report <file.html>", "write a report to look at")
    .option("--quiet", "no progress")
    .action(runVerify);
}

export function checks(text: string): Check[] {
  const names = text.split(",").map((part) => part.trim());
  const wrong = names.find((name) => !["parameters", "predictions", "receipt"].includes(name));
  if (wrong !== undefined) throw new InvalidArgumentError("expected parameters, predictions, receipt, or some with a comma.");
  return names as Check[];
}

function runVerify(a: string, b: string, flags: VerifyFlags): Promise<void> {
  return withSession(
    { plugin: flags.plugin, isMatching: true, isQuiet: flags.quiet === true || flags.json === true },
    async ({ engine, plugin, signal }) => {
      const { sourceRopeInterleaved, checks, positions, top, threads } = flags;
      const options = { plugin, sourceRopeInterleaved, checks, positions, top, threads, report: flags.report, signal };
      const report = await engine.verify(a, b, { ...options, ...forwardChoices(flags) });
      process.exitCode = report.verdict === "equal" ? 0 : 1;
      if (flags.json === true) {
        printDocument(report);
        return;
      }
      printReport(report);
      if (report.verdict === "different") print(`  hint         weighbridge doctor ${a} ${b} looks for the fault`);
      // A pipe's reader gets the tables when they are asked for.
      if (process.stdout.isTTY || positions !== undefined || top !== undefined) printPositions(report.predictions);
    },
  );
}

function printReport({ verdict, evidence, parameters, settings, predictions }: VerifyReport): void {
  print(verdict);
  if (parameters !== null) printParameters(parameters);
  for (const setting of settings) print(`  setting      ${setting}`);
  if (predictions !== null) printPredictions(predictions);
  print(`  evidence     ${evidence}`);
}

const FINDINGS = {
  different: "different values",
  missing: "missing in B",
  extra: "only in B",
  otherDtype: "equal values, other dtype",
  rounded: "equal once rounded to B's dtype",
} as const;

function printParameters(parameters: ParametersReport): void {
  print(`  parameters   ${parameters.equal.length} tensors equal`);
  for (const [finding, words] of Object.entries(FINDINGS) as [keyof typeof FINDINGS, string][]) {
    const names = parameters[finding];
    if (names.length > 0) print(`               ${words}: ${briefNames(names)}`);
  }
}

function printPredictions(report: PredictionsReport): void {
  const { tokens, correctA, correctB, argmaxEqual, top10Equal, maxAbs, meanAbs, kl, firstDivergence } = report;
  print(`  predictions  ${report.agree ? "agree" : "do not agree"}: ${report.numerics} numerics, ${executorWords(report)}`);
  print(
    `               correct ${correctA} (A) and ${correctB} (B) of ${tokens}; same best token ${argmaxEqual}, same top ten ${top10Equal}`,
  );
  print(
    `               |Δlogit| max ${formatFigure(maxAbs)}, mean ${formatFigure(meanAbs)}; KL mean ${formatFigure(kl.mean)}, max ${formatFigure(kl.max)}`,
  );
  const noise = report.stages.at(-1)?.noise ?? null;
  if (noise !== null)
    print(`               mean |Δlogit|: noise of rounding alone ${formatFigure(noise)}, limit ${formatFigure(report.limit)}`);
  for (const { name, noise: floor, limit } of report.measures)
    print(`               ${name}: noise ${formatFigure(floor)}, limit ${formatFigure(limit)}`);
  if (firstDivergence === null) return;
  const { stage, distance, limit } = firstDivergence;
  print(`               first part at ${stage}: ${formatFigure(distance)}, limit ${formatFigure(limit)}`);
}
