// weighbridge verify.

import { type Command, Option } from "commander";
import type { VerifyReport } from "../engine/verify.js";
import { briefNames } from "./name-groups.js";
import { withJson, withModelOptions } from "./options.js";
import { print, printDocument } from "./output.js";
import { withSession } from "./session.js";

interface VerifyFlags {
  readonly plugin?: string;
  readonly sourceRopeInterleaved?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function addVerify(program: Command): void {
  const command = program.command("verify <a> <b>").description("compare two checkpoints, whatever their layouts");
  withJson(withModelOptions(command))
    .addOption(new Option("--checks <checks>", "what to compare").choices(["parameters"]).default("parameters"))
    .option("--quiet", "no progress")
    .action(runVerify);
}

function runVerify(a: string, b: string, flags: VerifyFlags): Promise<void> {
  return withSession({ plugin: flags.plugin, isQuiet: flags.quiet === true || flags.json === true }, async ({ engine, plugin, signal }) => {
    const report = await engine.verify(a, b, { plugin, sourceRopeInterleaved: flags.sourceRopeInterleaved, signal });
    process.exitCode = report.verdict === "equal" ? 0 : 1;
    if (flags.json === true) printDocument(report);
    else printReport(report);
  });
}

const FINDINGS = {
  different: "different values",
  missing: "missing in B",
  extra: "only in B",
  otherDtype: "equal values, other dtype",
  rounded: "equal once rounded to B's dtype",
} as const;

function printReport({ verdict, evidence, parameters, settings }: VerifyReport): void {
  print(`${verdict}: ${parameters.equal.length} tensors equal`);
  for (const [finding, words] of Object.entries(FINDINGS) as [keyof typeof FINDINGS, string][]) {
    const names = parameters[finding];
    if (names.length > 0) print(`  ${words}: ${briefNames(names)}`);
  }
  for (const setting of settings) print(`  setting ${setting}`);
  print(`  ${evidence}`);
}
