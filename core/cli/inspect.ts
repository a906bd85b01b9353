// weighbridge inspect.

import type { Command } from "commander";
import type { InspectedTensor, InspectReport } from "../engine/inspect.js";
import { UsageError } from "../errors.js";
import { groupNames } from "../format/name-groups.js";
import { withJson, withModelOptions } from "./options.js";
import { formatBytes, formatCount, print, printDocument } from "./output.js";
import { withSession } from "./session.js";

interface InspectFlags {
  readonly plugin?: string;
  readonly sourceRopeInterleaved?: boolean;
  readonly devices?: boolean;
  readonly json?: boolean;
}

export function addInspect(program: Command): void {
  const command = program.command("inspect [path]").description("say what a checkpoint is, and what is wrong with it");
  withJson(withModelOptions(command)).option("--devices", "list the executors and what they run on, instead").action(runInspect);
}

async function runInspect(path: string | undefined, flags: InspectFlags): Promise<void> {
  if (path === undefined && flags.devices !== true)
    throw new UsageError("nothing to inspect", { hint: "name a folder, or ask for --devices" });
  if (path !== undefined && flags.devices === true) throw new UsageError(`--devices says nothing about ${path}`, { hint: "drop either" });
  await (path === undefined ? runDevices(flags) : runModel(path, flags));
}

function runDevices(flags: InspectFlags): Promise<void> {
  return withSession({}, async ({ engine }) => {
    const executors = await engine.devices();
    if (flags.json === true) printDocument({ executors });
    else
      for (const { executor, device, reason, auto } of executors)
        print(`${executor.padEnd(8)}${device ?? "cannot run"}${auto ? "; taken by auto" : ""}${reason === null ? "" : `: ${reason}`}`);
  });
}

function runModel(path: string, flags: InspectFlags): Promise<void> {
  return withSession({ plugin: flags.plugin, isMatching: true }, async ({ engine, plugin }) => {
    const report = await engine.inspect(path, { plugin, sourceRopeInterleaved: flags.sourceRopeInterleaved });
    process.exitCode = report.sound ? 0 : 1;
    if (flags.json === true) printDocument(report);
    else printReport(report);
  });
}

function printReport(report: InspectReport): void {
  const { path, layout, plugin, topology, version, ropeInterleaved, files, parameters, bytes, dtypes } = report;
  const ranks = layout === "nanotron" ? `, TP ${topology.tp} PP ${topology.pp}, version ${version}` : "";
  const rope =
    layout === "nanotron" ? `, RoPE ${ropeInterleaved === null ? "order unknown" : ropeInterleaved ? "interleaved" : "half-split"}` : "";
  print(path);
  print(`  layout   ${layout}${ranks}${rope}`);
  print(`  plugin   ${plugin ?? "none fits"}`);
  print(`  weights  ${formatCount(parameters)} parameters, ${formatBytes(bytes)} in ${files} ${files === 1 ? "file" : "files"}`);
  const counts = Object.entries(dtypes).map(([dtype, count]) => `${dtype} ${count.tensors} tensors, ${formatBytes(count.bytes)}`);
  print(`  dtypes   ${counts.join("; ")}`);
  print(`  beside   ${report.sideFiles.join(", ") || "no tokenizer or other files"}`);
  printTensors(report.tensors);
  print("  config");
  for (const [name, value] of Object.entries(report.config)) print(`    ${name.padEnd(28)} ${JSON.stringify(value)}`);
  print(report.problems.length === 0 ? "  no problems" : "  problems");
  for (const { severity, code, message } of report.problems) print(`    ${severity} ${code}: ${message}`);
}

function printTensors(tensors: readonly InspectedTensor[]): void {
  const groups = groupNames(tensors.map(({ name, dtype, shape }) => ({ name, detail: `${dtype} [${shape.join(", ")}]` })));
  const width = Math.max(0, ...groups.map(({ name }) => name.length));
  print(`  tensors  ${tensors.length}`);
  for (const { name, detail, count } of groups) print(`    ${name.padEnd(width)}  ${detail}${count > 1 ? `  × ${count}` : ""}`);
}
