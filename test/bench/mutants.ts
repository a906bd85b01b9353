// The verifier on trial: which faults of the catalogue it catches, by which check and by how much, and how often it cries without one.
// Exit 1 when a fault that must be caught is not, or on a false alarm. `--only kill|alarms|smallest` runs a part.

import { formatFigure } from "../../core/format/figure.js";
import { createEngine } from "../../core/index.js";
import { scratchFolder } from "../helpers/folders.js";
import { countAlarms } from "./mutants/alarms.js";
import { frameworkNote, killTable, type Row, type Tally } from "./mutants/kill.js";
import { subjectsIn } from "./mutants/models.js";
import { smallestCaught } from "./mutants/smallest.js";

const MODELS = 260;
const FIRST_SEED = 1000;

const engine = createEngine();
const scratch = scratchFolder("mutants");
const only = process.argv[2] === "--only" ? process.argv[3] : undefined;
const isAsked = (part: string): boolean => only === undefined || only === part;
const started = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`;

const share = ({ caught, of }: Tally): string => (of === 0 ? "–" : `${caught} of ${of}`);
const times = ({ margin, caught, refused }: Tally): string => {
  if (caught === 0) return "–";
  if (refused === caught) return "refused";
  return `${formatFigure(margin)} × limit${refused > 0 ? `, ${refused} refused` : ""}`;
};

function printRow({ fault, parameters, exact, framework }: Row): void {
  const columns = [share(parameters).padStart(9), share(exact).padStart(9), share(framework).padStart(9), times(exact).padStart(15)];
  const notes = [fault.unseen, frameworkNote(fault), fault.elsewhere].filter((note) => note !== undefined && note !== "");
  console.log(`${fault.id}  ${fault.title.padEnd(56)} ${columns.join("  ")}  ${notes.join("; ")}`);
}

async function kill(): Promise<boolean> {
  const since = performance.now();
  const devices = await engine.devices();
  const executors = [
    "cpu",
    ...devices.filter(({ executor, device }) => device !== null && executor !== "cpu").map(({ executor }) => executor),
  ];
  const subjects = subjectsIn(scratch);
  const rows = await killTable(engine, scratch, subjects, executors, ({ name }, target) =>
    console.error(`${name}, ${target.name}: ${seconds(since)}`),
  );
  console.log(
    `executors: ${executors.join(", ")}; not here: ${
      devices
        .filter(({ device }) => device === null)
        .map(({ executor }) => executor)
        .join(", ") || "none"
    }`,
  );
  for (const { name, targets } of subjects) console.log(`${name}: ${targets.map((target) => target.name).join("; ")}`);
  console.log(
    "\n     fault                                                    parameters  predictions: exact, framework, least margin (exact)",
  );
  for (const row of rows) printRow(row);
  const survivors = rows.flatMap(({ fault, survivors: places }) => places.map((place) => `${fault.id} ${fault.title}: ${place}`));
  const runs = rows.reduce((sum, { parameters, exact, framework }) => sum + parameters.of + exact.of + framework.of, 0);
  console.log(`\n${runs} verdicts on faults, ${survivors.length} wrong; ${seconds(since)}`);
  for (const survivor of survivors) console.log(`NOT CAUGHT: ${survivor}`);
  return survivors.length === 0;
}

async function alarms(): Promise<boolean> {
  const since = performance.now();
  const { conversions, verdicts, alarms: found } = await countAlarms(engine, scratch, MODELS, FIRST_SEED);
  console.log(
    `\n${conversions} right conversions of ${MODELS} random models, ${verdicts} verdicts: ${found.length} false alarms; ${seconds(since)}`,
  );
  for (const alarm of found) console.log(`FALSE ALARM: ${alarm}`);
  return found.length === 0;
}

async function smallest(): Promise<boolean> {
  const since = performance.now();
  const source = scratch.fresh();
  const [bundled] = subjectsIn(scratch);
  await engine.convert(bundled?.source ?? "", source, { to: "huggingface", dtype: "F32", verify: "none" });
  console.log("\nF19: the smallest change of one element that 512 predictions catch, bundled model in float32");
  for (const { tensor, rms, change } of await smallestCaught(engine, scratch, source)) {
    const caught =
      change === undefined ? "none up to its size" : `${formatFigure(change)}, ${formatFigure(change / rms)} of the tensor's rms`;
    console.log(`  ${tensor.padEnd(48)} ${caught}`);
  }
  console.log("  (of the embedding, in the row of the prompt's first token: rows of tokens that a prompt lacks, it cannot see)");
  console.log(`parameters catch one bit; ${seconds(since)}`);
  return true;
}

try {
  const results = [!isAsked("kill") || (await kill()), !isAsked("alarms") || (await alarms()), !isAsked("smallest") || (await smallest())];
  console.log(`\nall in ${seconds(started)}`);
  process.exitCode = results.every(Boolean) ? 0 : 1;
} finally {
  scratch.remove();
}
