// A case's own word on the mapping: what each Nanotron parameter is made of, written out. It is compared, never used.

import { type Architecture, type Component, componentsPerMember, type Parameter } from "../architecture/architecture.js";

/**
 * A parameter's making in one line: `column: a.weight rotary + b.weight rotary + c.weight`. `column`, `row` or `whole` says how
 * ranks share it, `column in 4 groups` that the parts are joined anew in each of four, with `stack of N` and the dtype that Nanotron
 * keeps it in, if there are such; the Hugging Face tensors follow in their order, each with its transforms (`rotary`, `transpose`),
 * those of a stack's members with `;` between.
 */
export function mappingLine(parameter: Parameter): string {
  const { parallelAxis, fuseGroups, components, stack, dtype } = parameter;
  const cut = parallelAxis === undefined ? "whole" : parallelAxis === 0 ? "column" : "row";
  const groups = fuseGroups === undefined ? "" : ` in ${fuseGroups} groups`;
  const perMember = componentsPerMember(parameter);
  const members = Array.from({ length: stack ?? 1 }, (_, at) => components.slice(at * perMember, (at + 1) * perMember));
  const form = [`${cut}${groups}`, ...(stack === undefined ? [] : [`stack of ${stack}`]), ...(dtype === undefined ? [] : [dtype])].join(
    ", ",
  );
  return `${form}: ${members.map((member) => member.map(componentText).join(" + ")).join("; ")}`;
}

const componentText = ({ name, rotary, transpose }: Component): string =>
  [name, ...(rotary ? ["rotary"] : []), ...(transpose ? ["transpose"] : [])].join(" ");

/** @returns where the declaration says something else than the case, one line each */
export function mappingProblems({ blocks }: Architecture, expected: Readonly<Record<string, string>> = {}): string[] {
  const found = new Map(blocks.flatMap(({ parameters }) => parameters).map((parameter) => [parameter.name, mappingLine(parameter)]));
  return Object.entries(expected)
    .filter(([name, line]) => found.get(name) !== line)
    .map(([name, line]) => `${name}: the case expects ${JSON.stringify(line)}, found ${JSON.stringify(found.get(name) ?? "nothing")}`);
}
