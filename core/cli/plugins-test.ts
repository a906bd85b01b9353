// weighbridge plugins test: a plugin against its cases, one line for each problem.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { EngineOverrides } from "../compose.js";
import type { TestReport } from "../testing/architecture-tester.js";
import { withJson } from "./options.js";
import { print, printDocument } from "./output.js";
import { forwardsOf } from "./package-code.js";
import { checkNamed, packagesHere } from "./plugin-packages.js";

export const addPluginsTest = (plugins: Command): void => {
  withJson(
    plugins
      .command("test <folder|name|package>")
      .description("hold a plugin against the cases beside it, and the mutants of its declaration against both"),
  ).action(runTest);
};

async function runTest(asked: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { ArchitectureTester } = await import("../testing/architecture-tester.js");
  const { folders, overrides } = await subjectOf(asked);
  const reports: TestReport[] = [];
  for (const folder of folders) reports.push(await new ArchitectureTester(overrides).test(folder));
  if (json === true) printDocument({ plugins: reports });
  else for (const report of reports) printReport(report);
  if (reports.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}

/** An installed package by its name, with its code; or a folder, or a built-in plugin, beside the plugins that are installed. */
async function subjectOf(asked: string): Promise<{ folders: readonly string[]; overrides: EngineOverrides }> {
  const { packages: installed, broken } = await packagesHere();
  checkNamed(asked, broken);
  const named = installed.find(({ name }) => name === asked);
  const folders = named?.folders ?? [existsSync(asked) ? resolve(asked) : asked];
  const packages = installed.filter((other) => !other.folders.some((folder) => folders.includes(folder)));
  return { folders, overrides: { packages, forwards: named === undefined ? {} : await forwardsOf(named) } };
}

function printReport({ plugin, passed, problems, notes }: TestReport): void {
  for (const problem of problems) print(`${plugin}: ${problem}`);
  for (const note of notes) print(`${plugin}: note: ${note}`);
  print(`${plugin}: ${passed} checks passed, ${problems.length} problems`);
}
