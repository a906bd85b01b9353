// What a rearrangement is looked for in: a parameter's tensors, or one of them, as both sides have them. Forms found are put together.

import type { Component, Parameter } from "../architecture/architecture.js";
import type { CanonicalTensor } from "./canonical-tensors.js";
import type { Case } from "./case.js";
import type { Account } from "./hypothesis.js";

/** Tensors that belong together, at least one of them with other bytes in B. */
export interface Unit {
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

/** @param by - whether a fault moves rows between the tensors of a fused parameter, or stays within one */
export async function accounts(
  found: Case,
  by: "parameter" | "tensor",
  formsOf: (unit: Unit) => readonly Form[] | Promise<readonly Form[]>,
): Promise<Account[]> {
  const forms = new Map<string, { form: Form; tensors: string[] }>();
  for await (const unit of unitsOf(found, by)) {
    for (const form of await formsOf(unit)) {
      const known = forms.get(form.key) ?? { form, tensors: [] };
      known.tensors.push(...unit.different);
      forms.set(form.key, known);
    }
  }
  return [...forms.values()].map(({ form: { statement, fix }, tensors }) => ({ statement, fix, tensors, settings: [] }));
}

async function* unitsOf(found: Case, by: "parameter" | "tensor"): AsyncGenerator<Unit, void, void> {
  const differing = new Set(found.parameters.different);
  for (const parameter of found.a.architecture.blocks.flatMap(({ parameters }) => parameters)) {
    const groups = by === "parameter" ? [parameter.components] : parameter.components.map((component) => [component]);
    for (const components of groups) {
      const different = components.filter(({ name }) => differing.has(name)).map(({ name }) => name);
      if (different.length === 0) continue;
      const unit = await unitOf(found, parameter, components, different);
      if (unit !== undefined) yield unit;
    }
  }
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
  return { parameter, components, a, b, different };
}

/** The part of a tensor's name that tells it from its siblings: `q_proj` of `model.layers.0.self_attn.q_proj.weight`. */
export const shortName = ({ name }: Component): string => name.split(".").at(-2) ?? name;
