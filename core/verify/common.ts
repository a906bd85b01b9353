// What two models have in common: they need not have the same tensors, let alone in the same order.

import type { Architecture, Component } from "../architecture/architecture.js";
import type { Piece } from "../layout/layout.js";
import type { VerifySide } from "./parameters.js";

export interface Common {
  /** A's number of each of B's components; undefined where A has none that is made alike. */
  readonly numbers: readonly (number | undefined)[];
  /** In both, of other sizes: different without a look at the bytes. */
  readonly reshaped: readonly string[];
  /** Only in B. */
  readonly extra: readonly string[];
}

export function commonComponents(a: Architecture, b: Architecture): Common {
  const byName = new Map(a.components.map(({ name }, number) => [name, number]));
  const form = (component: Component | undefined) => JSON.stringify([component?.axes, component?.rotary]);
  const numbers = b.components.map((component) => {
    const number = byName.get(component.name);
    return number !== undefined && form(a.components[number]) === form(component) ? number : undefined;
  });
  const named = (isIn: boolean) => b.components.filter(({ name }, at) => numbers[at] === undefined && byName.has(name) === isIn);
  return { numbers, reshaped: named(true).map(({ name }) => name), extra: named(false).map(({ name }) => name) };
}

/** B's slots with A's numbers on their pieces. */
export function renumbered({ files, slots }: VerifySide, { numbers }: Common): VerifySide {
  const renumber = (piece: Piece): Piece[] => {
    const component = numbers[piece.component];
    return component === undefined ? [] : [{ ...piece, component }];
  };
  return { files, slots: slots.map((bound) => ({ ...bound, slot: { ...bound.slot, pieces: bound.slot.pieces.flatMap(renumber) } })) };
}
