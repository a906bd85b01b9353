// weighbridge plugins infer.

import type { Command } from "commander";
import type { InferReport } from "../engine/infer.js";
import { briefNames } from "../format/name-groups.js";
import { withJson } from "./options.js";
import { print, printDocument } from "./output.js";
import { withSession } from "./session.js";

interface InferFlags {
  readonly json?: boolean;
  readonly out?: string;
  readonly quiet?: boolean;
}

export function addPluginsInfer(plugins: Command): void {
  withJson(plugins.command("infer <huggingface> <nanotron>").description("draft a plugin from two checkpoints of one model"))
    .option("--out <folder>", "the plugin's folder, which must not be there yet")
    .option("--quiet", "no progress")
    .action(runInfer);
}

function runInfer(huggingface: string, nanotron: string, { out, quiet, json }: InferFlags): Promise<void> {
  return withSession({ isQuiet: quiet === true || json === true }, async ({ engine, signal }) => {
    const report = await engine.inferPlugin(huggingface, nanotron, { out, signal });
    process.exitCode = report.unexplained.length === 0 ? 0 : 1;
    if (json === true) printDocument(report);
    else printInference(report);
  });
}

function printInference({ plugin, folder, unexplained, remarks, carries }: InferReport): void {
  print(`${plugin}: written to ${folder}; ${carries ? "it carries every byte of the pair" : "it does not carry the pair"}`);
  for (const { layout, names, because } of unexplained) print(`  not explained  ${layout}, ${briefNames(names)}: ${because}`);
  for (const remark of remarks) print(`  remark         ${remark}`);
}
