// What a rearrangement is looked for in: a parameter's tensors, or one of them, as both sides have them. Forms found are put together.

import type { Component, Parameter } from "../architecture/architecture.js";
import type { CanonicalTensor } from "./canonical-tensors.js";
import type { Case } from "./case.js";
import type { Account, UnitHypothesis } from "./hypothesis.js";

/** Tensors that belong together, at least one of them with other bytes in B. */
export interface Unit {
  readonly by: "parameter" | "tensor";
  readonly parameter: Parameter;
  readonly components: readonly Component[];
  readonly a: readonly CanonicalTensor[];
  /** Of the same names, shapes and dtypes. */
  readonly b: readonly CanonicalTensor[];
  /** Names of those whose bytes differ. */
  readonly different: readonly string[];
}

/** One way in which a fault may have been made; units with the same `key` were hit by the same. */
export interface Form {
  readonly key: string;
  readonly statement: string;
  readonly fix: string;
}

/** What the forms account for, those of one hypothesis that are one put together. @returns accounts in the hypotheses' order */
export async function unitAccounts(found: Case, hypotheses: readonly UnitHypothesis[]): Promise<Map<UnitHypothesis, Account[]>> {
  const forms = new Map(hypotheses.map((hypothesis) => [hypothesis, new Map<string, { form: Form; tensors: string[] }>()]));
  for await (const unit of unitsOf(found)) {
    for (const hypothesis of hypotheses.filter(({ by }) => by === unit.by)) {
      for (const form of hypothesis.formsOf(unit, found)) {
        const known = forms.get(hypothesis)?.get(form.key) ?? { form, tensors: [] };
        known.tensors.push(...unit.different);
        forms.get(hypothesis)?.set(form.key, known);
      }
    }
  }
  const accountOf = ({ form: { statement, fix }, tensors }: { form: Form; tensors: string[] }): Account => ({
    ...{ statement, fix, tensors, settings: [] },
  });
  return new Map([...forms].map(([hypothesis, found]) => [hypothesis, [...found.values()].map(accountOf)]));
}

/** Each parameter whole, and then its tensors one by one, while they are in memory. */
async function* unitsOf(found: Case): AsyncGenerator<Unit, void, void> {
  const differing = new Set(found.parameters.different);
  for (const parameter of found.a.architecture.blocks.flatMap(({ parameters }) => parameters)) {
    const { components } = parameter;
    const different = components.filter(({ name }) => differing.has(name)).map(({ name }) => name);
    if (different.length === 0) continue;
    const whole = await unitOf(found, parameter, components, different);
    if (whole !== undefined) yield whole;
    for (const component of components.filter(({ name }) => differing.has(name))) {
      const alone = partOf(whole, component) ?? (await unitOf(found, parameter, [component], [component.name]));
      if (alone !== undefined) yield { ...alone, by: "tensor" };
      found.onTensor(component.name);
    }
  }
}

function partOf(whole: Unit | undefined, component: Component): Unit | undefined {
  if (whole === undefined) return undefined;
  const at = whole.components.indexOf(component);
  const own = <T>(list: readonly T[]): T[] => list.slice(at, at + 1);
  return { ...whole, components: [component], a: own(whole.a), b: own(whole.b), different: [component.name] };
}

async function unitOf(
  { tensors }: Case,
  parameter: Parameter,
  components: readonly Component[],
  different: readonly string[],
): Promise<Unit | undefined> {
  const [a, b]: [CanonicalTensor[], CanonicalTensor[]] = [[], []];
  for (const { name } of components) {
    const [mine, theirs] = [await tensors.ofA(name), await tensors.ofB(name)];
    if (mine === undefined || theirs === undefined || String(mine.shape) !== String(theirs.shape)) return undefined;
    a.push(mine);
    b.push(theirs);
  }
  return { by: "parameter", parameter, components, a, b, different };
}

/** The part of a tensor's name that tells it from its siblings: `q_proj` of `model.layers.0.self_attn.q_proj.weight`. */
export const shortName = ({ name }: Component): string => name.split(".").at(-2) ?? name;
