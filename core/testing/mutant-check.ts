// Every mutant of a plugin, put to its cases: which are noticed, which change nothing, and which live.

import { AssertionError } from "node:assert";
import { expand } from "../architecture/architecture.js";
import type { Plugin } from "../architecture/declaration.js";
import { differencesTo } from "../architecture/match.js";
import { checkInvalid, checkLosses } from "./case-checks.js";
import type { ArchitectureCases, InvalidCase, ValidCase } from "./cases.js";
import { costProblem, costsOf } from "./costs.js";
import { costMutants, ignoreMutants, limitMutants, valueMutants } from "./declared-mutants.js";
import { type Mutant, mutantsOf } from "./mutants.js";
import { outcomeOf, prepareTrial, type Trial } from "./notice.js";
import { configurationOf, smallConfig } from "./small-model.js";
import { type Subject, withPlugin } from "./workbench.js";

/** `because` is said of those that live. */
interface Outcome {
  readonly is: "noticed" | "identity" | "unnoticed";
  readonly because?: string;
}
type Judge = (mutant: Plugin) => Promise<Outcome>;

/**
 * @returns how many were noticed, and which are the identity in these cases
 * @throws {AssertionError} some live: a line for each
 */
export async function checkMutants(subject: Subject, { valid, invalid = [] }: ArchitectureCases): Promise<string[]> {
  const trials: Trial[] = [];
  for (const model of valid) trials.push(await prepareTrial(subject, model));
  const { plugin } = subject;
  const family = familyOf(subject);
  const kinds: readonly (readonly [mutants: readonly Mutant[], judge: Judge])[] = [
    [mappingMutants(subject, valid), (mutant) => mappingOutcome(mutant, trials)],
    [costMutants(plugin, family), async (mutant) => costOutcome(plugin, mutant, valid)],
    [valueMutants(plugin, family), async (mutant) => valueOutcome(mutant, valid)],
    [ignoreMutants(plugin, family), (mutant) => ignoreOutcome(mutant, trials)],
    [limitMutants(plugin, family?.limits ?? {}), (mutant) => limitOutcome({ ...subject, plugin: mutant }, valid, invalid)],
  ];
  const [notes, alive]: [string[], string[]] = [[], []];
  let noticed = 0;
  for (const [mutants, judge] of kinds) {
    for (const mutant of mutants) {
      const outcome = await judge(mutant.plugin);
      if (outcome.is === "noticed") noticed++;
      else if (outcome.is === "identity") notes.push(`mutant that changes nothing in these cases: ${mutant.name}`);
      else alive.push(`mutant not noticed: ${mutant.name} (${outcome.because})`);
    }
  }
  if (alive.length > 0) throw new AssertionError({ message: alive.join("\n") });
  return [`${noticed} mutants noticed`, ...notes];
}

const familyOf = ({ plugin, context }: Subject): Plugin | undefined =>
  plugin.family === plugin.name ? undefined : context.plugins.get(plugin.family);

/** Of all cases' sizes; a mutant that two of them give is one. */
function mappingMutants({ plugin }: Subject, valid: readonly ValidCase[]): Mutant[] {
  const all = valid.flatMap((model) => mutantsOf(plugin, configurationOf(plugin, smallConfig(plugin, model)).dimensions));
  return [...new Map(all.map((mutant) => [mutant.name, mutant])).values()];
}

async function mappingOutcome(mutant: Plugin, trials: readonly Trial[]): Promise<Outcome> {
  const { is, by } = await outcomeOf(mutant, trials);
  return is === "unnoticed" ? { is, because: by } : { is };
}

/** By the cases' `costs`; one that is the same sum in all cases places every block as before. */
function costOutcome(plugin: Plugin, mutant: Plugin, valid: readonly ValidCase[]): Outcome {
  const expanded = (of: Plugin, { config }: ValidCase) => expand(of, configurationOf(of, config));
  const isSame = (model: ValidCase) =>
    costProblem(expanded(mutant, model), Object.fromEntries(costsOf(expanded(plugin, model)))) === undefined;
  if (valid.every(isSame)) return { is: "identity" };
  const isNoticed = valid.some((model) => costProblem(expanded(mutant, model), model.costs) !== undefined);
  return isNoticed ? { is: "noticed" } : { is: "unnoticed", because: "no case says the costs" };
}

/** By the cases themselves: of each the plugin expects what it has, or warns. */
function valueOutcome(mutant: Plugin, valid: readonly ValidCase[]): Outcome {
  const isOdd = ({ config }: ValidCase) =>
    differencesTo({ ...mutant.identify, ...mutant.expect }, configurationOf(mutant, config)).length > 0;
  return valid.some(isOdd) ? { is: "noticed" } : { is: "unnoticed", because: "it is what the cases have" };
}

async function ignoreOutcome(mutant: Plugin, trials: readonly Trial[]): Promise<Outcome> {
  const { is } = await outcomeOf(mutant, trials);
  return is === "noticed" ? { is } : { is: "unnoticed", because: "no case has it among its `stored` tensors" };
}

/** Whether some case is not as it says once a limit is gone. */
async function limitOutcome(mutant: Subject, valid: readonly ValidCase[], invalid: readonly InvalidCase[]): Promise<Outcome> {
  const subject = { ...mutant, context: withPlugin(mutant.context, mutant.plugin) };
  const checks = [
    ...valid.filter(({ losses = [] }) => losses.length > 0).map((model) => () => checkLosses(subject, model)),
    ...invalid.map((model) => () => checkInvalid(subject, model)),
  ];
  for (const run of checks) {
    try {
      await run();
    } catch (error) {
      if (error instanceof AssertionError) return { is: "noticed" };
      throw error;
    }
  }
  return { is: "unnoticed", because: "no invalid case and no loss is about it" };
}
