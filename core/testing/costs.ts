// A case's own word on Nanotron's pipeline: its blocks in order, and what each costs.

import type { Architecture } from "../architecture/architecture.js";

/** Each kind of block once, those without parameters last. */
export function costsOf({ plugin, blocks }: Architecture): [name: string, cost: number][] {
  const costs = new Map<string, number>();
  for (const { name, cost } of blocks) costs.set(name.replace(/\.\d+$/, ""), cost);
  return [...costs, ...plugin.parameterless.map((name): [string, number] => [name, 0])];
}

/** @returns what the declaration says otherwise than the case, in one line */
export function costProblem(architecture: Architecture, expected: Readonly<Record<string, number>> | undefined): string | undefined {
  if (expected === undefined) return undefined;
  const [found, wanted] = [costsOf(architecture), Object.entries(expected)].map(costsText);
  return found === wanted ? undefined : `costs: the case expects ${wanted}, found ${found}`;
}

const costsText = (costs: readonly (readonly [string, number])[]): string => costs.map(([name, cost]) => `${name} ${cost}`).join(", ");
