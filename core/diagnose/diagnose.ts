// Which known fault explains a case. One is named only if it accounts for every difference, and no other does.

import { hypotheses as all } from "./all.js";
import { type Case, differingTensors } from "./case.js";
import type { Explanation, Hypothesis } from "./hypothesis.js";
import { unitAccounts } from "./units.js";

/**
 * `explained`: one known fault accounts for all. `ambiguous`: each of several does, alone. `combined`: several do, together.
 * `unexplained`: something is left that none accounts for.
 */
export type Outcome = "explained" | "ambiguous" | "combined" | "unexplained";

export interface Diagnosis {
  readonly outcome: Outcome;
  /** Of the faults that account for all, or for some where none does; forms of one fault follow each other. */
  readonly explanations: readonly Explanation[];
  /** Tensors and settings that nothing accounts for. */
  readonly unexplained: readonly string[];
}

/** @throws {StorageError | CancelledError} */
export async function diagnose(found: Case, hypotheses: readonly Hypothesis[] = all): Promise<Diagnosis> {
  const within = hypotheses.filter((hypothesis) => "formsOf" in hypothesis);
  const ofUnits = await unitAccounts(found, within);
  const explanations: Explanation[] = [];
  for (const hypothesis of hypotheses) {
    const accounts = "formsOf" in hypothesis ? (ofUnits.get(hypothesis) ?? []) : await hypothesis.explains(found);
    const { fault, name } = hypothesis;
    explanations.push(...accounts.map((account) => ({ fault, name, ...account })));
  }
  return conclude(explanations, [...differingTensors(found), ...found.settings.map(({ name }) => name)]);
}

/** @param differences - names of all tensors and settings that differ; at least one */
export function conclude(explanations: readonly Explanation[], differences: readonly string[]): Diagnosis {
  const faults = [...new Set(explanations.map(({ fault }) => fault))];
  const of = (fault: string) => explanations.filter((explanation) => explanation.fault === fault);
  const left = (some: readonly Explanation[]) => {
    const accounted = new Set(some.flatMap(({ tensors, settings }) => [...tensors, ...settings]));
    return differences.filter((name) => !accounted.has(name));
  };
  const complete = faults.filter((fault) => left(of(fault)).length === 0);
  if (complete.length > 0) {
    return { outcome: complete.length === 1 ? "explained" : "ambiguous", explanations: complete.flatMap(of), unexplained: [] };
  }
  const unexplained = left(explanations);
  return { outcome: unexplained.length === 0 ? "combined" : "unexplained", explanations: needed(explanations), unexplained };
}

/** Without those that account for nothing beyond what one of the others does. */
function needed(explanations: readonly Explanation[]): Explanation[] {
  const names = ({ tensors, settings }: Explanation) => [...tensors, ...settings];
  const isWithin = (some: Explanation, other: Explanation) => names(some).every((name) => names(other).includes(name));
  return explanations.filter((some) => !explanations.some((other) => other !== some && isWithin(some, other) && !isWithin(other, some)));
}
