// Conversions against `cp -r` of the same files, pair by pair, each a process from start to end with its source in the page cache.
//
//   node dist/test/bench/convert.js [--gb 4] [--pairs 7] [--only NAME] [--fast] [--growth]
//
// --fast leaves the default conversion out, which is synced and compared. WEIGHBRIDGE_BENCH names a folder to work in.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { shardBytesOf, writeBigModel } from "../helpers/big-model.js";
import { commandPath } from "../helpers/command.js";

const { values } = parseArgs({
  options: {
    gb: { type: "string", default: "4" },
    pairs: { type: "string", default: "7" },
    only: { type: "string", default: "" },
    fast: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
  },
});
const pairs = Number(values.pairs);

interface Case {
  readonly name: string;
  readonly from: string;
  readonly args: readonly string[];
}

const nanotron = (tp: number, ...more: string[]) => ["--to", "nanotron", "--tp", String(tp), ...more];
/** Shards as large as the source's: four at 4 GB. */
const huggingface = ["--to", "huggingface", "--max-shard-size", `${Math.round(shardBytesOf(Number(values.gb) * 1e9) / 1e6)}MB`];
const CASES: readonly Case[] = [
  { name: "to Nanotron TP 1", from: "source", args: nanotron(1) },
  { name: "back from TP 1", from: "tp1", args: huggingface },
  { name: "to Nanotron TP 2", from: "source", args: nanotron(2) },
  { name: "back from TP 2", from: "tp2", args: huggingface },
  { name: "to Nanotron TP 8", from: "source", args: nanotron(8) },
  { name: "back from TP 8", from: "tp8", args: huggingface },
  { name: "to TP 1 interleaved", from: "source", args: nanotron(1, "--rope-interleaved") },
  { name: "back from interleaved", from: "tp1i", args: huggingface },
];
const MADE: Readonly<Record<string, readonly string[]>> = {
  tp1: nanotron(1),
  tp2: nanotron(2),
  tp8: nanotron(8),
  tp1i: nanotron(1, "--rope-interleaved"),
};

const scratch = mkdtempSync(join(process.env.WEIGHBRIDGE_BENCH ?? tmpdir(), "weighbridge-bench-"));
const at = (name: string) => join(scratch, name);
const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Peak memory comes from GNU time, where there is one. */
const TIME = "/usr/bin/time";
const hasTime = spawnSync(TIME, ["-f", "%M", "true"]).status === 0;

interface Taken {
  readonly seconds: number;
  readonly peakMb: number;
}

/** Dirty pages of the run before are on the disk before this one starts. */
function take(program: string, args: readonly string[], thenSync: boolean): Taken {
  rmSync(at("out"), { recursive: true, force: true });
  spawnSync("sync");
  const start = performance.now();
  const { status, stderr } = hasTime
    ? spawnSync(TIME, ["-f", "peak %M", program, ...args], { encoding: "utf8" })
    : spawnSync(program, args, { encoding: "utf8" });
  if (thenSync) spawnSync("sync");
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return { seconds, peakMb: Number(/peak (\d+)/.exec(stderr)?.[1] ?? Number.NaN) / 1000 };
}

const copy = (from: string, thenSync: boolean) => take("cp", ["-r", "--reflink=never", at(from), at("out")], thenSync);
const convert = (from: string, args: readonly string[]) =>
  take(process.execPath, [commandPath, "convert", at(from), at("out"), ...args, "--quiet"], false);

const FAST = ["--verify", "none", "--no-fsync"];

function compare({ name, from, args }: Case): void {
  copy(from, false);
  convert(from, [...args, ...FAST]); // warmed up: files are cached, memory has been touched
  const rows = Array.from({ length: pairs }, () => {
    const [cp, ours] = [copy(from, false), convert(from, [...args, ...FAST])];
    if (values.fast) return { cp, ours };
    return { cp, ours, synced: copy(from, true), safe: convert(from, args) };
  });
  const [cp, ours] = [rows.map((row) => row.cp), rows.map((row) => row.ours)];
  const [synced, safe] = [rows.flatMap((row) => row.synced ?? []), rows.flatMap((row) => row.safe ?? [])];
  print(name, ...figures(cp, ours), ...(values.fast ? [] : figures(synced, safe)));
}

/** Medians of both sides and of their ratios, pair by pair, and our peak memory. */
const figures = (theirs: readonly Taken[], ours: readonly Taken[]): string[] => [
  median(theirs.map(({ seconds }) => seconds)).toFixed(2),
  median(ours.map(({ seconds }) => seconds)).toFixed(2),
  median(ours.map(({ seconds }, pair) => seconds / (theirs[pair]?.seconds ?? Number.NaN))).toFixed(2),
  Math.max(...ours.map(({ peakMb }) => peakMb)).toFixed(0),
];

const print = (name: string, ...cells: string[]) => console.log(name.padEnd(24) + cells.map((cell) => cell.padStart(9)).join(""));

function growth(): void {
  print("to Nanotron TP 2", "GB", "cp s", "ours s", "ratio", "peak MB");
  for (const gb of [1, 2, 4, 8]) {
    const bytes = writeBigModel(at("grown"), gb * 1e9 + (gb === 1 ? 1.4e9 : 0));
    const cp: number[] = [];
    const ours: Taken[] = [];
    for (let pair = 0; pair <= 3; pair++) {
      cp[pair] = copy("grown", false).seconds;
      ours[pair] = convert("grown", [...nanotron(2), ...FAST]);
    }
    const seconds = median(ours.slice(1).map((run) => run.seconds));
    const ratio = median(ours.slice(1).map((run, pair) => run.seconds / (cp[pair + 1] ?? Number.NaN)));
    const peak = Math.max(...ours.map(({ peakMb }) => peakMb));
    print("", (bytes / 1e9).toFixed(1), median(cp.slice(1)).toFixed(2), seconds.toFixed(2), ratio.toFixed(2), peak.toFixed(0));
    rmSync(at("grown"), { recursive: true });
  }
}

try {
  console.log(`${cpus().length} cores, ${cpus()[0]?.model}; ${pairs} interleaved pairs, medians; seconds from process start to end`);
  if (values.growth) growth();
  else {
    const bytes = writeBigModel(at("source"), Number(values.gb) * 1e9);
    console.log(`${(bytes / 1e9).toFixed(2)} GB of weights, Llama 3 8B's widths; cp -r --reflink=never of the same files\n`);
    print("", "cp", "ours", "ratio", "peak MB", ...(values.fast ? [] : ["cp+sync", "default", "ratio", "peak MB"]));
    for (const entry of CASES.filter(({ name }) => name.includes(values.only))) {
      const made = MADE[entry.from];
      if (made !== undefined)
        spawnSync(process.execPath, [commandPath, "convert", at("source"), at(entry.from), ...made, ...FAST, "--overwrite"]);
      compare(entry);
      if (made !== undefined) rmSync(at(entry.from), { recursive: true });
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
