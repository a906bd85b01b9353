// The kill table: each fault put into right conversions, and whether parameters alone and predictions alone call it different.

import { cpSync } from "node:fs";
import { type Engine, type VerifyOptions, WeighbridgeError } from "../../../core/index.js";
import { type CatalogueFault, catalogue } from "../../helpers/faults/catalogue.js";
import { convertTo, faultyCopy, type Target } from "../../helpers/faults/targets.js";
import type { Scratch } from "../../helpers/folders.js";
import type { Subject } from "./models.js";
import { type Check, checksOf, type GpuShare, isBelowBfloat16 } from "./trials.js";

/** Enough for theta to tell, and few enough for hundreds of comparisons. */
const PREDICTIONS = 24;

const predictions = { checks: ["predictions"], predictions: PREDICTIONS } as const;
const OPTIONS: Readonly<Record<Check, VerifyOptions>> = {
  parameters: { checks: ["parameters"] },
  exact: { ...predictions, executor: "cpu" },
  framework: { ...predictions, executor: "cpu", numerics: "framework" },
  webgpu: { ...predictions, executor: "webgpu" },
};

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
  readonly tallies: Readonly<Record<Check, Tally>>;
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

export async function killTable(
  engine: Engine,
  scratch: Scratch,
  subjects: readonly Subject[],
  share: GpuShare,
  onDone: (subject: Subject, target: Target) => void,
): Promise<Row[]> {
  const rows = catalogue.map((fault): Row => {
    const tallies = { parameters: tally(), exact: tally(), framework: tally(), webgpu: tally() };
    return { fault, tallies, survivors: [] };
  });
  for (const subject of subjects) {
    for (const target of subject.targets) {
      const rights = new Map<CatalogueFault["prepare"], Pair>();
      for (const row of rows) {
        const checks = checksOf(row.fault, subject, target, subjects, share);
        if (checks.length === 0) continue;
        const { prepare } = row.fault;
        const pair = rights.get(prepare) ?? (await rightPair(engine, scratch, subject, target, prepare));
        rights.set(prepare, pair);
        const faulty = faultyCopy(row.fault, pair.right, scratch);
        for (const check of checks) {
          const verdict = await verdictOf(engine, pair.original, faulty, OPTIONS[check]);
          if (!count(row.tallies[check], verdict)) row.survivors.push(`${check}: ${subject.name}, ${target.name}`);
        }
        scratch.empty(faulty);
      }
      onDone(subject, target);
    }
  }
  return rows;
}

/** A right conversion, and what it was made from. */
export interface Pair {
  readonly original: string;
  readonly right: string;
}

export async function rightPair(
  engine: Engine,
  scratch: Scratch,
  { source }: Subject,
  target: Target,
  prepare: CatalogueFault["prepare"],
): Promise<Pair> {
  const original = prepare === undefined ? source : scratch.fresh();
  if (prepare !== undefined) {
    cpSync(source, original, { recursive: true });
    prepare(original);
  }
  return { original, right: await convertTo(engine, original, target, scratch) };
}

/** What to say of a form that is not counted in framework numerics. */
export const frameworkNote = (fault: CatalogueFault): string => (isBelowBfloat16(fault) ? "framework: below bfloat16's rounding" : "");
