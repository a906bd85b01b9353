// The doctor on trial: which faults of the catalogue it names, and how often it names one that is not there.

import type { DoctorReport, Engine } from "../../../core/index.js";
import { type CatalogueFault, catalogue } from "../../helpers/faults/catalogue.js";
import { damages } from "../../helpers/faults/damages.js";
import { faultyCopy, type Target } from "../../helpers/faults/targets.js";
import type { Scratch } from "../../helpers/folders.js";
import { uniform } from "../../helpers/random.js";
import { type Pair, rightPair } from "./kill.js";
import type { Subject } from "./models.js";
import { isMade } from "./trials.js";

/** Of one fault, in all its forms and places. */
export interface Named {
  readonly id: string;
  readonly of: number;
  /** It alone. */
  readonly named: number;
  /** It among others that account for the same, to the byte. */
  readonly ambiguous: number;
  /** What it may also be. */
  readonly others: readonly string[];
  /** Places where another was named alone, or nothing. */
  readonly failures: readonly string[];
}

/** Pairs in which a fault was named that is not there. */
export interface FalseNames {
  readonly conversions: number;
  readonly damages: number;
  readonly composites: number;
  readonly found: readonly string[];
}

const COMPOSITES = 160;

const faultsOf = ({ explanations }: DoctorReport): string[] => [...new Set(explanations.map(({ fault }) => fault))];
const ask = (engine: Engine, { original }: Pair, suspect: string) =>
  engine.doctor(original, suspect, { checks: ["parameters"], threads: 1 });

/** What the doctor said of one form of a fault in one place. */
export interface Answer {
  readonly id: string;
  readonly subject: Subject;
  readonly where: string;
  readonly outcome: DoctorReport["outcome"];
  readonly ids: readonly string[];
}

export async function answersOn(engine: Engine, scratch: Scratch, subjects: readonly Subject[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const subject of subjects) {
    for (const target of subject.targets) {
      const rights = new Map<CatalogueFault["prepare"], Pair>();
      for (const fault of catalogue.filter((each) => isMade(each, subject, target))) {
        const pair = rights.get(fault.prepare) ?? (await rightPair(engine, scratch, subject, target, fault.prepare));
        rights.set(fault.prepare, pair);
        const faulty = faultyCopy(fault, pair.right, scratch);
        const report = await ask(engine, pair, faulty);
        scratch.empty(faulty);
        const where = `${fault.title}: ${subject.name}, ${target.name}`;
        answers.push({ id: fault.id, subject, where, outcome: report.outcome, ids: faultsOf(report) });
      }
    }
  }
  return answers;
}

export function namesIn(answers: readonly Answer[]): Named[] {
  return [...new Set(answers.map(({ id }) => id))].sort().map((id) => {
    const of = answers.filter((answer) => answer.id === id);
    const named = of.filter(({ outcome, ids }) => outcome === "explained" && ids.join() === id);
    const ambiguous = of.filter(({ outcome, ids }) => outcome === "ambiguous" && ids.includes(id));
    const others = [...new Set(ambiguous.flatMap(({ ids }) => ids))].filter((other) => other !== id);
    const failed = of.filter((each) => !named.includes(each) && !ambiguous.includes(each));
    const failures = failed.map(({ where, outcome, ids }) => `${where}: ${outcome} ${ids.join()}`);
    return { id, of: of.length, named: named.length, ambiguous: ambiguous.length, others, failures };
  });
}

/** Right conversions, damage of other kinds, and two faults at once, none of which is one fault of the catalogue. */
export async function falseNames(engine: Engine, scratch: Scratch, subjects: readonly Subject[]): Promise<FalseNames> {
  const places: Place[] = [];
  for (const subject of subjects) {
    for (const target of subject.targets) {
      places.push({ subject, target, pair: await rightPair(engine, scratch, subject, target, undefined) });
    }
  }
  const suspects = [...rightOnes(places), ...damagedOnes(places), ...compositeOnes(places)];
  const found: string[] = [];
  const counts = { conversions: 0, damages: 0, composites: 0 };
  for (const { kind, where, pair, damage, allowed } of suspects) {
    const suspect = damage === undefined ? pair.right : faultyCopy({ inject: damage }, pair.right, scratch);
    const report = await ask(engine, pair, suspect);
    if (damage !== undefined) scratch.empty(suspect);
    counts[kind]++;
    const ids = faultsOf(report);
    const isNamed = report.outcome === "explained" || report.outcome === "ambiguous";
    const isRight = damage === undefined ? report.verdict === "equal" && ids.length === 0 : report.verdict === "different";
    if (!isRight || (isNamed && !ids.some((id) => allowed.includes(id)))) found.push(`${where}: ${report.summary}`);
  }
  return { ...counts, found };
}

interface Place {
  readonly subject: Subject;
  readonly target: Target;
  readonly pair: Pair;
}

interface Suspect {
  readonly kind: "conversions" | "damages" | "composites";
  readonly where: string;
  readonly pair: Pair;
  /** None to a right one. */
  readonly damage?: (folder: string) => void;
  /** One of two faults may hide the other, or make it part of itself: then its name alone is right. */
  readonly allowed: readonly string[];
}

/** Each model's conversions against each other, between Nanotron's topologies too. */
const rightOnes = (places: readonly Place[]): Suspect[] =>
  places.flatMap(({ subject, target, pair }) =>
    places
      .filter((other) => other.subject === subject)
      .map((other) => ({
        kind: "conversions",
        where: `${subject.name}, ${other.target.name} and ${target.name}`,
        pair: { original: other.pair.right, right: pair.right },
        allowed: [],
      })),
  );

const damagedOnes = (places: readonly Place[]): Suspect[] =>
  places.flatMap(({ subject, target, pair }) =>
    Object.entries(damages).map(([name, damage]) => ({
      kind: "damages",
      where: `${subject.name}, ${target.name}: ${name}`,
      pair,
      damage,
      allowed: [],
    })),
  );

function compositeOnes(places: readonly Place[]): Suspect[] {
  const next = uniform(9);
  const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)] as T;
  const made: Suspect[] = [];
  while (made.length < COMPOSITES) {
    const { subject, target, pair } = oneOf(places);
    const faults = catalogue.filter((fault) => fault.prepare === undefined && isMade(fault, subject, target));
    const [first, second] = [oneOf(faults), oneOf(faults)];
    // What is not there any more cannot be changed.
    if (first.id === second.id || first.title === "down_proj not written") continue;
    const damage = (folder: string) => {
      first.inject(folder);
      second.inject(folder);
    };
    const where = `${subject.name}, ${target.name}: ${first.id} ${first.title}, then ${second.id} ${second.title}`;
    made.push({ kind: "composites", where, pair, damage, allowed: [first.id, second.id] });
  }
  return made;
}
