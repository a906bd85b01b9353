// The verifier on trial: which faults of the catalogue it catches, by which check and by how much, and how often it cries without one;
// and the doctor, which names it finds. Exit 1 when a fault that must be caught is not, on a false alarm, or on a wrong name.
//
// `--only kill|alarms|smallest|doctor` runs a part, `--webgpu none|some|all` says where that executor is tried (default: some; a real
// GPU can take all), `--write` puts all results into README.md.

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatFigure } from "../../../core/format/figure.js";
import { createEngine } from "../../../core/index.js";
import { fixture, scratchFolder } from "../../helpers/folders.js";
import { countAlarms } from "./alarms.js";
import { blockOf, type Results, withBlock } from "./block.js";
import { answersOn, falseNames, namesIn } from "./doctor.js";
import { frameworkNote, killTable, type Row, type Tally } from "./kill.js";
import { subjectsIn } from "./models.js";
import { smallestCaught } from "./smallest.js";
import { CHECKS, type GpuShare } from "./trials.js";

const MODELS = 260;
const FIRST_SEED = 1000;

const { values: flags } = parseArgs({
  options: { only: { type: "string" }, webgpu: { type: "string", default: "some" }, write: { type: "boolean", default: false } },
});
const engine = createEngine();
const scratch = scratchFolder("mutants");
const subjects = subjectsIn(scratch);
const isAsked = (part: string): boolean => flags.only === undefined || flags.only === part;
const started = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`;

const share = ({ caught, of }: Tally): string => (of === 0 ? "–" : `${caught} of ${of}`);
const times = ({ margin, caught, refused }: Tally): string => {
  if (caught === 0) return "–";
  if (refused === caught) return "refused";
  return `${formatFigure(margin)} × limit${refused > 0 ? `, ${refused} refused` : ""}`;
};

function printRow({ fault, tallies }: Row): void {
  const columns = [...CHECKS.map((check) => share(tallies[check]).padStart(10)), times(tallies.exact).padStart(16)];
  const notes = [fault.unseen, frameworkNote(fault), fault.elsewhere].filter((note) => note !== undefined && note !== "");
  console.log(`${fault.id}  ${fault.title.padEnd(56)} ${columns.join("  ")}  ${notes.join("; ")}`);
}

/** Where the WebGPU executor is tried, and on what it runs. */
async function gpuShare(): Promise<{ share: GpuShare; gpu: string }> {
  if (!["none", "some", "all"].includes(flags.webgpu)) throw new Error(`--webgpu ${flags.webgpu}: expected none, some or all`);
  const found = (await engine.devices()).find(({ executor }) => executor === "webgpu");
  if (flags.webgpu === "none") return { share: "none", gpu: "SKIPPED: not asked for" };
  if (found === undefined || found.device === null) return { share: "none", gpu: `SKIPPED: ${found?.reason ?? "no such executor"}` };
  return { share: flags.webgpu as GpuShare, gpu: found.device };
}

async function kill(): Promise<Pick<Results, "rows" | "gpu"> & { share: GpuShare }> {
  const since = performance.now();
  const { share: tried, gpu } = await gpuShare();
  const rows = await killTable(engine, scratch, subjects, tried, ({ name }, target) =>
    console.error(`${name}, ${target.name}: ${seconds(since)}`),
  );
  console.log(`WebGPU executor: ${gpu}${tried === "some" ? ", in some of the places (all with --webgpu all)" : ""}`);
  for (const { name, targets } of subjects) console.log(`${name}: ${targets.map((target) => target.name).join("; ")}`);
  console.log(
    `\n     fault${" ".repeat(52)}  ${CHECKS.map((check) => check.padStart(10)).join("  ")}  least margin (exact)  where it is not counted`,
  );
  for (const row of rows) printRow(row);
  const survivors = rows.flatMap(({ fault, survivors: places }) => places.map((place) => `${fault.id} ${fault.title}: ${place}`));
  const runs = rows.reduce((sum, { tallies }) => sum + CHECKS.reduce((all, check) => all + tallies[check].of, 0), 0);
  console.log(`\n${runs} verdicts on faults, ${survivors.length} wrong; ${seconds(since)}`);
  for (const survivor of survivors) fail(`NOT CAUGHT: ${survivor}`);
  return { rows, gpu, share: tried };
}

async function alarms(): Promise<Results["alarms"]> {
  const since = performance.now();
  const counted = await countAlarms(engine, scratch, MODELS, FIRST_SEED);
  const { conversions, verdicts, alarms: found } = counted;
  console.log(
    `\n${conversions} right conversions of ${MODELS} random models, ${verdicts} verdicts: ${found.length} false alarms; ${seconds(since)}`,
  );
  for (const alarm of found) fail(`FALSE ALARM: ${alarm}`);
  return { ...counted, models: MODELS };
}

async function smallest(): Promise<Results["smallest"]> {
  const since = performance.now();
  const source = scratch.fresh();
  await engine.convert(fixture("tiny-llama3"), source, { to: "huggingface", dtype: "F32", verify: "none" });
  console.log("\nF19: the smallest change of one element that 512 predictions catch, bundled model in float32");
  const found = await smallestCaught(engine, scratch, source);
  for (const { tensor, rms, change } of found) {
    const caught =
      change === undefined ? "none up to its size" : `${formatFigure(change)}, ${formatFigure(change / rms)} of the tensor's rms`;
    console.log(`  ${tensor.padEnd(48)} ${caught}`);
  }
  console.log("  (of the embedding, in the row of the prompt's first token: rows of tokens that a prompt lacks, it cannot see)");
  console.log(`parameters catch one bit; ${seconds(since)}`);
  return found;
}

async function doctor(): Promise<Pick<Results, "named" | "falseNames">> {
  const since = performance.now();
  const answers = await answersOn(engine, scratch, subjects);
  const [bundled, all] = [namesIn(answers.filter(({ subject }) => subject === subjects[0])), namesIn(answers)];
  console.log("\n     doctor: named, ambiguous, of; in the bundled model and in all");
  for (const { id, named, ambiguous, of, others } of all) {
    const own = bundled.find((each) => each.id === id);
    const inBundled = own === undefined ? "–" : `${own.named} ${own.ambiguous} ${own.of}`;
    console.log(
      `${id}  ${inBundled.padStart(10)}  ${`${named} ${ambiguous} ${of}`.padStart(10)}  ${others.length > 0 ? `or ${others.join(", ")}` : ""}`,
    );
  }
  const always = bundled.filter(({ named, of }) => named === of).length;
  console.log(`${always} of ${bundled.length} named in every form and place of the bundled model`);
  for (const failure of all.flatMap(({ id, failures }) => failures.map((where) => `${id} ${where}`))) fail(`NOT NAMED: ${failure}`);
  const none = await falseNames(engine, scratch, subjects);
  console.log(
    `${none.conversions} right conversions, ${none.damages} damages in no catalogue, ${none.composites} pairs of faults: ${none.found.length} names of faults that are not there; ${seconds(since)}`,
  );
  for (const name of none.found) fail(`WRONG NAME: ${name}`);
  return { named: { bundled, all }, falseNames: none };
}

function fail(line: string): void {
  console.log(line);
  process.exitCode = 1;
}

function write(results: Results, tried: GpuShare): void {
  if (tried !== "some") throw new Error("README.md was not written: it shows what --webgpu some gives where a WebGPU executor works");
  const path = join(fixture("tiny-llama3"), "../../../README.md");
  writeFileSync(path, withBlock(readFileSync(path, "utf8"), blockOf(results)));
  console.log("README.md was written");
}

try {
  if (flags.write && flags.only !== undefined) throw new Error("--write needs all parts: leave out --only");
  const killed = isAsked("kill") ? await kill() : undefined;
  const alarmed = isAsked("alarms") ? await alarms() : undefined;
  const least = isAsked("smallest") ? await smallest() : undefined;
  const doctored = isAsked("doctor") ? await doctor() : undefined;
  console.log(`\nall in ${seconds(started)}`);
  if (flags.write && killed && alarmed && least && doctored) {
    const taken = `Taken in ${seconds(started)} on ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}.`;
    write({ subjects, ...killed, alarms: alarmed, smallest: least, ...doctored, taken }, killed.share);
  }
} finally {
  scratch.remove();
}
