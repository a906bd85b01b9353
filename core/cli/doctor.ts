// weighbridge doctor.

import type { Command } from "commander";
import type { TensorDifference } from "../diagnose/tensor-differences.js";
import type { DoctorReport } from "../engine/doctor.js";
import type { Check } from "../engine/verify-options.js";
import { formatFigure } from "../format/figure.js";
import { briefNames, groupNames } from "../format/name-groups.js";
import { type ForwardFlags, forwardChoices, withForwardOptions, withJson, withModelOptions } from "./options.js";
import { print, printDocument } from "./output.js";
import { withSession } from "./session.js";
import { checks } from "./verify.js";

interface DoctorFlags extends ForwardFlags {
  readonly plugin?: string;
  readonly sourceRopeInterleaved?: boolean;
  readonly checks?: readonly Check[];
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function addDoctor(program: Command): void {
  const command = program.command("doctor <original> <suspect>").description("say why a checkpoint is not what its original is");
  withJson(withForwardOptions(withModelOptions(command)))
    .option("--checks <list>", "parameters alone leaves out where the forwards part (default: parameters,predictions)", checks)
    .option("--quiet", "no progress")
    .action(runDoctor);
}

function runDoctor(original: string, suspect: string, flags: DoctorFlags): Promise<void> {
  return withSession(
    { plugin: flags.plugin, isMatching: true, isQuiet: flags.quiet === true || flags.json === true },
    async ({ engine, plugin, signal }) => {
      const options = { plugin, sourceRopeInterleaved: flags.sourceRopeInterleaved, checks: flags.checks, signal };
      const report = await engine.doctor(original, suspect, { ...options, ...forwardChoices(flags) });
      process.exitCode = report.verdict === "equal" ? 0 : 1;
      if (flags.json === true) printDocument(report);
      else printReport(report);
    },
  );
}

function printReport(report: DoctorReport): void {
  print(report.verdict);
  print(`  diagnosis    ${report.summary}`);
  for (const { fault, name, statement, fix, tensors, settings } of report.explanations) {
    if (report.outcome !== "explained") print(`  ${fault.padEnd(12)} ${name}: ${statement}`);
    print(`  accounts for ${briefNames([...tensors, ...settings])}`);
    print(`  fix          ${fix}`);
  }
  if (report.unexplained.length > 0) print(`  unexplained  ${briefNames(report.unexplained)}`);
  for (const { name, detail, count } of groupNames(report.tensors.map((tensor) => ({ name: tensor.name, detail: detailOf(tensor) })))) {
    print(`  tensor       ${name}${count > 1 ? ` (${count})` : ""}: ${detail}`);
  }
  for (const { name, a, b } of report.settings) print(`  setting      ${name}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  if (report.firstDivergence !== null) {
    const { stage, distance, limit } = report.firstDivergence;
    print(`  forwards     first part at ${stage}: ${formatFigure(distance)}, limit ${formatFigure(limit)}`);
  }
  for (const problem of report.problems) print(`  problem      ${problem}`);
  print(`  evidence     ${report.evidence}`);
}

const FINDINGS: Record<TensorDifference["finding"], string> = {
  different: "different values",
  missing: "missing in B",
  extra: "only in B",
  otherDtype: "equal values, other dtype",
  rounded: "equal once rounded to B's dtype",
};

/** Shares in steps of a percent, so that tensors of many layers are told in one line. */
function detailOf({ finding, dtypeA, dtypeB, shapeA, shapeB, elements, differing }: TensorDifference): string {
  const words = [FINDINGS[finding]];
  if (dtypeA !== null && dtypeB !== null && dtypeA !== dtypeB) words.push(`${dtypeA} and ${dtypeB}`);
  if (shapeA !== null && shapeB !== null && String(shapeA) !== String(shapeB))
    words.push(`[${shapeA.join(", ")}] and [${shapeB.join(", ")}]`);
  if (differing !== null && elements !== null && differing > 0) words.push(shareOf(differing, elements));
  return words.join(", ");
}

function shareOf(differing: number, elements: number): string {
  const percent = Math.floor((100 * differing) / elements);
  return percent < 1 ? `${differing} of ${elements} elements` : `in ${percent} % of the elements`;
}
