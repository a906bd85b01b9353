// Whether a declaration is found out, and by what: itself, the proof, the frameworks' own forwards, or the case's own mapping.

import { expand } from "../architecture/architecture.js";
import { declarationProblems } from "../architecture/consistency.js";
import type { Plugin } from "../architecture/declaration.js";
import { hasForward } from "../engine/forwards.js";
import { type Context, type Model, openModel } from "../engine/open.js";
import { verify } from "../engine/verify.js";
import { WeighbridgeError } from "../errors.js";
import type { Arrangement } from "../layout/layout.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import type { ValidCase } from "./cases.js";
import { mappingProblems } from "./mapping.js";
import { type Reads, recordReads } from "./reads.js";
import { configurationOf, smallConfig, withoutLosses } from "./small-model.js";
import { arrangementsOf, carry, SOURCE, type Subject, setUp, type Workbench, withPlugin } from "./workbench.js";

/** Enough to fill the causal mask and to turn every pair of a head, few enough for a second. */
const PREDICTIONS = 24;
export const SEED = 1;

const RIGHT = "/right";
const MUTANT = "/mutant";

/** One case's right conversions, to hold a mutant's against. */
export interface Trial {
  readonly model: ValidCase;
  readonly bench: Workbench;
  readonly arrangements: readonly Arrangement[];
}

/** The least and the largest TP, in both orders of rows. */
export async function prepareTrial(subject: Subject, model: ValidCase): Promise<Trial> {
  const config = withoutLosses(subject.plugin, smallConfig(subject.plugin, model));
  const bench = setUp(subject, config, SEED, model.stored);
  const tps = [...new Set([1, bench.tps.at(-1) ?? 1])];
  const arrangements = arrangementsOf(
    subject.plugin,
    tps.map((tp) => ({ tp, pp: 1 })),
  );
  for (const [at, arrangement] of arrangements.entries())
    await carry(bench.context, subject.plugin.name, arrangement, [SOURCE, `${RIGHT}-${at}`]);
  return { model, bench, arrangements };
}

/** `noticed`, with what noticed it; `identity`: it changes no file; `unnoticed`, with the arrangement in which it passed. */
export type Outcome = { readonly is: "noticed" | "identity" | "unnoticed"; readonly by: string };

/** @returns what becomes of a mutated plugin in all cases together: one that notices it is enough */
export async function outcomeOf(mutant: Plugin, trials: readonly Trial[]): Promise<Outcome> {
  let outcome: Outcome = { is: "identity", by: "" };
  for (const trial of trials) {
    const found = await tryMutant(mutant, trial);
    if (found.is === "noticed") return found;
    if (found.is === "unnoticed") outcome = found;
  }
  return outcome;
}

async function tryMutant(mutant: Plugin, { model, bench, arrangements }: Trial): Promise<Outcome> {
  const [inconsistent] = declarationProblems(mutant, bench.context.layouts.names());
  if (inconsistent !== undefined) return { is: "noticed", by: inconsistent.message };
  const context = withPlugin(bench.context, mutant);
  let outcome: Outcome = { is: "identity", by: "" };
  try {
    const config = withoutLosses(mutant, smallConfig(bench.plugin, model));
    const [misplaced] = mappingProblems(expand(mutant, configurationOf(mutant, config)), model.mapping);
    if (misplaced !== undefined) return { is: "noticed", by: misplaced };
    for (const [at, arrangement] of arrangements.entries()) {
      await carry(context, mutant.name, arrangement, [SOURCE, MUTANT]);
      if (sameFiles(bench, `${RIGHT}-${at}`, MUTANT)) continue;
      const problem = await disagreement(context, mutant, "auto");
      if (problem !== undefined) return { is: "noticed", by: problem };
      outcome = { is: "unnoticed", by: `${model.name}, TP ${arrangement.tp}` };
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof WeighbridgeError)) throw error;
    return { is: "noticed", by: error.message };
  }
}

/** Receipts name the plugin, so that they differ where nothing else does. */
function sameFiles({ store }: Workbench, a: string, b: string): boolean {
  const filesBelow = (folder: string) =>
    new Map(
      [...store.files]
        .filter(([path]) => path.startsWith(`${folder}/`) && !path.endsWith(RECEIPT_NAME))
        .map(([path, bytes]) => [path.slice(folder.length), bytes]),
    );
  const [ours, theirs] = [filesBelow(a), filesBelow(b)];
  const isSame = ([path, bytes]: [string, Uint8Array]) => Buffer.compare(bytes, theirs.get(path) ?? new Uint8Array()) === 0;
  return ours.size === theirs.size && [...ours].every(isSame);
}

/**
 * What the frameworks' own forwards have against a conversion of the source: other predictions, tensors that they ask for and that
 * are not there or are cut otherwise, or tensors that no forward reads.
 *
 * @param folder - the Nanotron checkpoint
 * @returns one line; undefined when they agree, or when the family has no forwards
 */
export async function disagreement(context: Context, plugin: Plugin, executor: string, folder = MUTANT): Promise<string | undefined> {
  const options = { plugin: plugin.name };
  if (!hasForward(context, await openModel(context, SOURCE, options), "nanotron")) return undefined;
  const recorded = recordReads(context, plugin.family);
  const report = await verify(recorded.context, SOURCE, folder, { ...options, executor, predictions: PREDICTIONS });
  if (report.verdict !== "equal" || report.predictions === null) return report.evidence;
  for (const path of [SOURCE, folder]) {
    const model = await openModel(context, path, options);
    const problem = unlikeReads(model, recorded.reads.get(model.layout.name));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function unlikeReads({ layout, slots }: Model, reads: Reads = { parts: new Set(), whole: new Set() }): string | undefined {
  for (const { name, sharding } of slots) {
    if (!reads.parts.has(name) && !reads.whole.has(name)) return `${layout.name}'s forward does not read ${name}`;
    if (layout.name !== "nanotron") continue;
    if (reads.parts.has(name) !== (sharding !== undefined)) {
      return `${name} is ${sharding === undefined ? "whole" : "cut"}, and Nanotron's forward takes it ${sharding === undefined ? "cut" : "whole"}`;
    }
  }
  return undefined;
}
