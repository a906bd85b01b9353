// weighbridge plugins test: a plugin against its cases, one line for each problem.

import type { Command } from "commander";
import { withJson } from "./options.js";
import { print, printDocument } from "./output.js";
import { TerminalReporter } from "./terminal-reporter.js";

export const addPluginsTest = (plugins: Command): void => {
  withJson(plugins.command("test <folder>").description("hold a plugin against the cases beside it, and its mutants against both")).action(
    runTest,
  );
};

async function runTest(folder: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { ArchitectureTester } = await import("../testing/architecture-tester.js");
  const reporter = new TerminalReporter(false);
  try {
    const report = await new ArchitectureTester().test(folder);
    if (json === true) printDocument(report);
    else {
      for (const problem of report.problems) print(`${report.plugin}: ${problem}`);
      for (const note of report.notes) print(`${report.plugin}: note: ${note}`);
      print(`${report.plugin}: ${report.passed} checks passed, ${report.problems.length} problems`);
    }
    if (report.problems.length > 0) process.exitCode = 1;
  } finally {
    reporter.stop();
  }
}
