// From chosen places to rules: each parameter as what it is made of, then one rule for what every layer has alike. Pure.

import type { Chosen } from "./assign.js";
import type { HeadOrder } from "./find.js";
import { groupBy } from "./group-by.js";
import { LAYER, parseName, printNumbers } from "./names.js";
import type { View } from "./view.js";

/** What one Hugging Face tensor contributes. */
export interface RulePart {
  readonly template: string;
  readonly shape: readonly number[];
  readonly transpose: boolean;
  readonly headDim: HeadOrder;
}

/** One Nanotron parameter, or one of each layer. */
export interface Rule {
  readonly template: string;
  /** In the order in which they are joined. */
  readonly parts: readonly RulePart[];
  /** Undefined for a single part. */
  readonly fuseAxis: number | undefined;
  /** Nanotron's axis that ranks share. */
  readonly sharedAxis: number | undefined;
  /** Undefined for a parameter that is there once. */
  readonly layers: number | undefined;
}

/** Something that no rule says, and why. Names are of tensors, as their files have them. */
export interface Unexplained {
  readonly layout: "huggingface" | "nanotron";
  readonly names: readonly string[];
  readonly because: string;
}

interface Instance {
  readonly name: string;
  readonly template: string;
  readonly layer: number | undefined;
  readonly rule: Omit<Rule, "layers">;
  readonly sources: readonly string[];
}

/** @returns rules for parameters that are made of whole tensors, and what cannot be said of the others that have any */
export function rulesOf(
  chosen: readonly Chosen[],
  sources: readonly View[],
  parameters: readonly View[],
): { rules: Rule[]; unexplained: Unexplained[] } {
  const unexplained: Unexplained[] = [];
  const instances: Instance[] = [];
  for (const [number, placed] of groupBy(chosen, ({ parameter }) => parameter)) {
    const parameter = parameters[number] as View;
    const made = instanceOf(parameter, placed, sources);
    if (typeof made !== "string") instances.push(made);
    else {
      unexplained.push({ layout: "nanotron", names: [parameter.name], because: made });
      const names = placed.map(({ source }) => sources[source]?.name ?? "");
      unexplained.push({ layout: "huggingface", names, because: `part of ${parameter.name}, of which no rule can be made` });
    }
  }
  const rules: Rule[] = [];
  const layers = new Set(instances.flatMap(({ layer }) => (layer === undefined ? [] : [layer])));
  for (const [template, members] of groupBy(instances, ({ template: of }) => of)) {
    const alike = withOneOrder(members);
    const because = differenceOf(alike, layers);
    const [first] = alike;
    if (because === undefined && first !== undefined)
      rules.push({ ...first.rule, template, layers: first.layer === undefined ? undefined : layers.size });
    else {
      unexplained.push({ layout: "nanotron", names: alike.map(({ name }) => name), because: because ?? "" });
      unexplained.push({ layout: "huggingface", names: alike.flatMap(({ sources: from }) => from), because: because ?? "" });
    }
  }
  return { rules, unexplained };
}

/** @returns why not, where the lines do not make the whole */
function instanceOf(parameter: View, placed: readonly Chosen[], sources: readonly View[]): Instance | string {
  const parsed = parseName(parameter.name);
  const sorted = [...placed].sort((a, b) => a.offset - b.offset);
  const [first] = sorted as [Chosen];
  const length = first.parameterAxis === 0 ? parameter.rows : parameter.columns;
  let end = 0;
  for (const { offset, count } of [...sorted, { offset: length, count: 0 }]) {
    if (offset !== end) return `its ${linesOf(first)} ${end} to ${offset} are those of no tensor`;
    end = offset + count;
  }
  const named = sorted.map(({ source }) => parseName(sources[source]?.name ?? ""));
  if (parsed === undefined || named.some((name) => name === undefined)) return "several numbers in a name, which a plugin cannot declare";
  if (named.some((name) => name?.layer !== parsed.layer)) return `made of tensors of another layer: ${named.map((name) => name?.name)}`;
  const isFused = sorted.length > 1;
  const isSplit = isFused && parameter.sharedAxis !== undefined && parameter.sharedAxis !== 0;
  if (isFused && (isSplit || (parameter.sharedAxis === 0 && first.parameterAxis !== 0)))
    return "joined along one axis and shared along another, which a plugin cannot declare";
  const parts = sorted.map(({ source, sourceAxis, parameterAxis, headDim }, at) => ({
    template: named[at]?.template ?? "",
    shape: sources[source]?.shape ?? [],
    transpose: sourceAxis !== parameterAxis,
    headDim,
  }));
  return {
    name: parameter.name,
    template: parsed.template,
    layer: parsed.layer,
    sources: named.map((name) => name?.name ?? ""),
    rule: { template: parsed.template, parts, fuseAxis: isFused ? first.parameterAxis : undefined, sharedAxis: parameter.sharedAxis },
  };
}

const linesOf = ({ parameterAxis }: Chosen): string => (parameterAxis === 0 ? "rows" : "columns");

/** Where content leaves a part's order open, the other layers' order is its own. */
function withOneOrder(members: readonly Instance[]): Instance[] {
  const told = (at: number) => members.map(({ rule }) => rule.parts[at]?.headDim).find((headDim) => headDim !== "any");
  const isOpen = (at: number) => members.every(({ rule }) => rule.parts[at]?.headDim === "any");
  return members.map((member) => {
    const parts = member.rule.parts.map((part, at) => (part.headDim === "any" && !isOpen(at) ? { ...part, headDim: told(at) } : part));
    return { ...member, rule: { ...member.rule, parts } };
  });
}

/** Why parameters of one template cannot share a rule; undefined where they can. */
function differenceOf(alike: readonly Instance[], layers: ReadonlySet<number>): string | undefined {
  if (alike[0]?.template.includes(LAYER) !== true) return undefined;
  const missing = [...layers].filter((layer) => !alike.some((instance) => instance.layer === layer));
  if (missing.length > 0) return `layers ${printNumbers(missing)} have no such parameter, or an unexplained one`;
  const kinds = groupBy(alike, ({ rule }) => JSON.stringify(rule));
  if (kinds.size === 1) return undefined;
  const groups = [...kinds.values()].map((group) => printNumbers(group.map(({ layer }) => layer ?? 0)));
  return `made differently in layers ${groups.join(" and ")}, which a plugin cannot declare`;
}
