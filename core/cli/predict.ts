// weighbridge predict.

import { type Command, Option } from "commander";
import type { PredictReport } from "../engine/predict.js";
import { executorWords } from "./executor-words.js";
import { type ForwardFlags, forwardChoices, withForwardOptions, withJson, withModelOptions, withPositionOptions } from "./options.js";
import { print, printDocument } from "./output.js";
import { withSession } from "./session.js";

interface PredictFlags extends ForwardFlags {
  readonly plugin?: string;
  readonly sourceRopeInterleaved?: boolean;
  readonly attention?: "fused" | "eager";
  readonly logits?: string;
  readonly json?: boolean;
}

export function addPredict(program: Command): void {
  const command = program.command("predict <path>").description("predict next tokens as the checkpoint's own framework does");
  withJson(withPositionOptions(withForwardOptions(withModelOptions(command))))
    .addOption(new Option("--attention <kind>", "where framework numerics round in attention").choices(["fused", "eager"]))
    .option("--logits <file.npy>", "write all logits, float32 [n, vocabulary]")
    .action(runPredict);
}

function runPredict(path: string, flags: PredictFlags): Promise<void> {
  return withSession({ plugin: flags.plugin, isMatching: true }, async ({ engine, plugin, signal }) => {
    const { sourceRopeInterleaved, top, attention, logits } = flags;
    const options = { plugin, sourceRopeInterleaved, positions: flags.positions, top, attention, logits, signal };
    const report = await engine.predict(path, { ...options, ...forwardChoices(flags) });
    if (flags.json === true) printDocument(report);
    else printReport(path, report);
  });
}

function printReport(path: string, report: PredictReport): void {
  const { layout, tp, plugin, numerics, tokens, correct, accuracy, prompt } = report;
  print(`${path}: ${layout}${layout === "nanotron" ? ` TP ${tp}` : ""}, plugin ${plugin}`);
  print(`${tokens} predictions on ${prompt}, ${numerics} numerics, ${executorWords(report)}`);
  print(`accuracy ${accuracy.toFixed(4)}: ${correct} of ${tokens} predict the token that follows`);
  for (const [position, candidates] of Object.entries(report.positions)) {
    print(`\nposition ${position}`);
    candidates.forEach(({ token, text, probability }, at) => {
      const rank = String(at + 1).padStart(4);
      print(`${rank}  ${probability.toFixed(6)}  ${String(token).padStart(6)}${text === null ? "" : `  ${JSON.stringify(text)}`}`);
    });
  }
}
