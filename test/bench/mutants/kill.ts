// The kill table: each fault put into right conversions, and whether parameters alone and predictions alone call it different.

import { cpSync } from "node:fs";
import { type Engine, type VerifyOptions, WeighbridgeError } from "../../../core/index.js";
import { type CatalogueFault, catalogue } from "../../helpers/faults/catalogue.js";
import { convertTo, factsOf, faultyCopy, type Target } from "../../helpers/faults/targets.js";
import type { Scratch } from "../../helpers/folders.js";
import type { Subject } from "./models.js";

/** Enough for theta to tell, and few enough for hundreds of comparisons. */
const PREDICTIONS = 24;

/** An epsilon of 1e-5 more or less moves bfloat16's logits by no more than two right sides differ by. */
const isBelowBfloat16 = ({ title }: CatalogueFault): boolean => title.startsWith("rms_norm_eps");

interface Verdict {
  readonly isCaught: boolean;
  /** Nothing could be run, and verify said why. */
  readonly isRefused: boolean;
  /** What was measured where the forwards first part, over the limit there; infinite where nothing can be run. */
  readonly margin: number;
}

export interface Tally {
  caught: number;
  of: number;
  /** Of those caught. */
  refused: number;
  /** The least of those caught. */
  margin: number;
}

export interface Row {
  readonly fault: CatalogueFault;
  readonly parameters: Tally;
  readonly exact: Tally;
  readonly framework: Tally;
  readonly survivors: string[];
}

const tally = (): Tally => ({ caught: 0, of: 0, refused: 0, margin: Number.POSITIVE_INFINITY });

async function verdictOf(engine: Engine, a: string, b: string, options: VerifyOptions): Promise<Verdict> {
  try {
    const { verdict, predictions } = await engine.verify(a, b, options);
    const { distance = Number.NaN, limit = 1 } = predictions?.firstDivergence ?? {};
    const isInfinite = options.checks?.includes("parameters") === true || !Number.isFinite(distance / limit);
    return { isCaught: verdict === "different", isRefused: false, margin: isInfinite ? Number.POSITIVE_INFINITY : distance / limit };
  } catch (error) {
    if (error instanceof WeighbridgeError) return { isCaught: true, isRefused: true, margin: Number.POSITIVE_INFINITY };
    throw error;
  }
}

function count(into: Tally, { isCaught, isRefused, margin }: Verdict): boolean {
  into.of++;
  if (isCaught) into.caught++;
  if (isRefused) into.refused++;
  if (isCaught) into.margin = Math.min(into.margin, margin);
  return isCaught;
}

/** @param executors - names of those that work here; the first is the CPU's */
export async function killTable(
  engine: Engine,
  scratch: Scratch,
  subjects: readonly Subject[],
  executors: readonly string[],
  onDone: (subject: Subject, target: Target) => void,
): Promise<Row[]> {
  const rows = catalogue.map((fault): Row => ({ fault, parameters: tally(), exact: tally(), framework: tally(), survivors: [] }));
  for (const subject of subjects) {
    for (const target of subject.targets) {
      const rights = new Map<CatalogueFault["prepare"], { original: string; right: string }>();
      for (const row of rows.filter(({ fault }) => fault.appliesTo(factsOf(subject.model, target), subject.model.dtype))) {
        const { prepare } = row.fault;
        const pair = rights.get(prepare) ?? (await rightPair(engine, scratch, subject, target, prepare));
        rights.set(prepare, pair);
        const faulty = faultyCopy(row.fault, pair.right, scratch);
        await attack(engine, row, subject, target, { ...pair, faulty }, executors);
        scratch.empty(faulty);
      }
      onDone(subject, target);
    }
  }
  return rows;
}

async function rightPair(
  engine: Engine,
  scratch: Scratch,
  { source }: Subject,
  target: Target,
  prepare: CatalogueFault["prepare"],
): Promise<{ original: string; right: string }> {
  const original = prepare === undefined ? source : scratch.fresh();
  if (prepare !== undefined) {
    cpSync(source, original, { recursive: true });
    prepare(original);
  }
  return { original, right: await convertTo(engine, original, target, scratch) };
}

async function attack(
  engine: Engine,
  row: Row,
  { name, model }: Subject,
  target: Target,
  { original, faulty }: { original: string; faulty: string },
  executors: readonly string[],
): Promise<void> {
  const where = `${name}, ${target.name}`;
  const { fault } = row;
  if (!count(row.parameters, await verdictOf(engine, original, faulty, { checks: ["parameters"] }))) {
    row.survivors.push(`parameters: ${where}`);
  }
  if (fault.unseen !== undefined) return;
  for (const executor of executors) {
    const options = { checks: ["predictions"], predictions: PREDICTIONS, executor } as const;
    if (!count(row.exact, await verdictOf(engine, original, faulty, options))) row.survivors.push(`predictions, ${executor}: ${where}`);
    if (model.dtype !== "BF16" || isBelowBfloat16(fault)) continue;
    const framework = await verdictOf(engine, original, faulty, { ...options, numerics: "framework" });
    if (!count(row.framework, framework)) row.survivors.push(`predictions in framework numerics, ${executor}: ${where}`);
  }
}

/** What to say of a form that is not counted in framework numerics. */
export const frameworkNote = (fault: CatalogueFault): string => (isBelowBfloat16(fault) ? "below bfloat16's rounding" : "");
