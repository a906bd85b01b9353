// Mutants of what a plugin declares beside its mapping: limits, costs of pipeline blocks, published values, ignored tensors. What a member
// takes from its family as it is, is the family's to be tried on.

import { isDeepStrictEqual } from "node:util";
import type { BlockDeclaration, Plugin, Value } from "../architecture/declaration.js";
import type { Mutant } from "./mutants.js";

/** A limit that is not there lets through what Nanotron computes otherwise; the cases have to say so. */
export function limitMutants(plugin: Plugin, inherited: Plugin["limits"]): Mutant[] {
  return Object.entries(plugin.limits).flatMap(([layout, limits]) =>
    limits
      .filter((limit) => !(inherited[layout] ?? []).some((known) => isDeepStrictEqual(known, limit)))
      .map((limit) => ({
        name: `limit on ${limit.setting} dropped`,
        plugin: { ...plugin, limits: { ...plugin.limits, [layout]: limits.filter((kept) => kept !== limit) } },
      })),
  );
}

/** A block whose cost is another decides another pipeline rank, and Nanotron looks for its files there. */
export function costMutants(plugin: Plugin, family: Plugin | undefined): Mutant[] {
  if (family !== undefined && isDeepStrictEqual([plugin.blocks, plugin.parameterless], [family.blocks, family.parameterless])) return [];
  const symbols = Object.keys(plugin.dimensions);
  return [
    ...plugin.blocks.flatMap((block, at) => {
      const withCost = (cost: Cost): Plugin => ({
        ...plugin,
        blocks: plugin.blocks.map((other, o) => (o === at ? { ...block, cost } : other)),
      });
      return wrongCosts(block, symbols).map(([what, cost]) => ({ name: `cost of ${block.name}: ${what}`, plugin: withCost(cost) }));
    }),
    { name: "one block without parameters more", plugin: { ...plugin, parameterless: [...plugin.parameterless, "another"] } },
    ...plugin.parameterless.map((name) => ({
      name: `${name} left out of the blocks without parameters`,
      plugin: { ...plugin, parameterless: plugin.parameterless.filter((other) => other !== name) },
    })),
  ];
}

type Cost = NonNullable<BlockDeclaration["cost"]>;

/** Each product dropped; each number one more; each symbol another; and a cost where there is none. */
function wrongCosts({ cost = [] }: BlockDeclaration, symbols: readonly string[]): [what: string, cost: Cost][] {
  if (cost.length === 0) return symbols.slice(0, 1).map((symbol) => [`${symbol} given`, [[symbol]]]);
  return cost.flatMap((product, p): [string, Cost][] => {
    const changed = (f: number, factor: string | number): Cost =>
      cost.map((other, o) => (o === p ? other.map((kept, k) => (k === f ? factor : kept)) : other));
    const says = product.join(" · ");
    return [
      [`${says} dropped`, cost.filter((_, o) => o !== p)],
      ...product.flatMap((factor, f): [string, Cost][] =>
        typeof factor === "number"
          ? [[`${says} with ${factor + 1} for ${factor}`, changed(f, factor + 1)]]
          : symbols.filter((symbol) => symbol !== factor).map((symbol) => [`${says} with ${symbol} for ${factor}`, changed(f, symbol)]),
      ),
    ];
  });
}

/** Each published value, and each that the plugin is found by, another. One that is not there costs a warning and no byte. */
export function valueMutants(plugin: Plugin, family: Plugin | undefined): Mutant[] {
  const wrong = (part: "expect" | "identify"): Mutant[] =>
    Object.entries(plugin[part])
      .filter(([name, value]) => !isDeepStrictEqual(family?.[part][name], value))
      .map(([name, value]) => ({
        name: `${part} of another ${name}`,
        plugin: { ...plugin, [part]: { ...plugin[part], [name]: another(value) } },
      }));
  return [...wrong("expect"), ...wrong("identify")];
}

function another(value: Value): Value {
  if (typeof value === "number") return value * 2 + 1;
  if (typeof value === "boolean") return !value;
  return value === null ? 1 : null;
}

/** A checkpoint that stores an ignored tensor is refused when no rule explains it. */
export const ignoreMutants = (plugin: Plugin, family: Plugin | undefined): Mutant[] =>
  plugin.ignore
    .filter((entry) => !(family?.ignore ?? []).some((known) => isDeepStrictEqual(known, entry)))
    .map((entry) => ({
      name: `${entry.tensor} not ignored`,
      plugin: { ...plugin, ignore: plugin.ignore.filter((kept) => kept !== entry) },
    }));
