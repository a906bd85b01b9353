// F04, F05, F06, F10: the tensors of a fused parameter, whose rows were put together in one order and taken apart in another.

import { headDimOf } from "../architecture/architecture.js";
import type { Case } from "./case.js";
import { CONVERT_AGAIN, type UnitHypothesis } from "./hypothesis.js";
import { cutsRows, ranksToTry, severalRanksToTry } from "./ranks.js";
import { cut, interleave, parts, type Rows, rowsOf, sameRows } from "./rows.js";
import { type Form, shortName, type Unit } from "./units.js";

/** What ends up in each tensor, for what each held. */
type Rearrangement = (tensors: readonly Rows[]) => readonly Rows[];

/** Fused rows lie in one of the two orders of RoPE, and rows that end up in another tensor take that order with them. */
const ORDERS = [(rows: Rows) => rows, interleave] as const;

/** Whether the fault, made in A, gives B, or made in B, gives A: a mistake on the way there is the inverse of the one on the way back. */
function relates(unit: Unit, rearrange: Rearrangement): boolean {
  const gives = (from: readonly Rows[], to: readonly Rows[]) => {
    const rearranged = rearrange(from);
    return to.every((rows, at) => sameRows(rows, rearranged[at] ?? []));
  };
  return inOrders(unit).some(([mine, theirs]) => gives(mine, theirs) || gives(theirs, mine));
}

type BothSides = readonly [readonly Rows[], readonly Rows[]];

/** A unit's rows are made once for the dozens of rearrangements that are tried on it. */
const made = new WeakMap<Unit, readonly BothSides[]>();

function inOrders(unit: Unit): readonly BothSides[] {
  const known = made.get(unit);
  if (known !== undefined) return known;
  const orders = holdsPairs(unit) ? ORDERS : ORDERS.slice(0, 1);
  const [rowsA, rowsB] = [unit.a.map(rowsOf), unit.b.map(rowsOf)];
  const sides = orders.map((order): BothSides => {
    const ordered = (rows: Rows, at: number) => {
      const component = unit.components[at];
      return component?.rotary === true ? order(rows, headDimOf(component)) : rows;
    };
    return [rowsA.map(ordered), rowsB.map(ordered)];
  });
  made.set(unit, sides);
  return sides;
}

const heightsOf = (tensors: readonly Rows[]): number[] => tensors.map((rows) => rows.length);

/** Do something to what each rank has of every tensor. */
const perRank =
  (tp: number, rearrange: Rearrangement): Rearrangement =>
  (tensors) => {
    const ranks = tensors.map((rows) => parts(rows, tp));
    const made = Array.from({ length: tp }, (_, rank) => rearrange(ranks.map((of) => of[rank] ?? [])));
    return tensors.map((_, tensor) => made.flatMap((of) => of[tensor] ?? []));
  };

/** Fused in `order`, taken apart in the right one. */
const fusedIn =
  (order: readonly number[]): Rearrangement =>
  (tensors) =>
    cut(
      order.flatMap((at) => tensors[at] ?? []),
      heightsOf(tensors),
    );

/** [q heads of group 0; k 0; v 0; q heads of group 1; …] */
const fusedPerGroup =
  (groups: number): Rearrangement =>
  (tensors) => {
    const grouped = tensors.map((rows) => parts(rows, groups));
    const fused = Array.from({ length: groups }, (_, group) => grouped.flatMap((of) => of[group] ?? [])).flat();
    return cut(fused, heightsOf(tensors));
  };

/** All of each tensor fused, then cut into ranks as if it were one. */
const cutAsOne =
  (tp: number): Rearrangement =>
  (tensors) => {
    const heights = heightsOf(tensors).map((rows) => rows / tp);
    const ranks = parts(tensors.flat(), tp).map((rows) => cut(rows, heights));
    return tensors.map((_, tensor) => ranks.flatMap((of) => of[tensor] ?? []));
  };

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => [...rest.slice(0, at), count - 1, ...rest.slice(at)]),
  );
}

/** More parts than a fused attention or feed-forward has would have too many orders. */
const MOST_PARTS = 4;

const isFused = ({ parameter, components }: Unit): boolean =>
  parameter.fuseAxis === 0 && components.length > 1 && components.length <= MOST_PARTS && components.every(({ transpose }) => !transpose);

const list = ({ components }: Unit, order: readonly number[]): string =>
  order.map((at) => (components[at] === undefined ? "" : shortName(components[at]))).join(", ");

/** The first of the rank counts with which an order relates the two sides; with others it may be the same. */
function orderForms(found: Case, unit: Unit, isAsked: (unit: Unit) => boolean): Form[] {
  if (!isFused(unit) || !isAsked(unit)) return [];
  const inOrder = unit.components.map((_, at) => at);
  return permutations(unit.components.length)
    .filter((order) => String(order) !== String(inOrder))
    .flatMap((order) => {
      const { fuseGroups } = unit.parameter;
      // What is joined group by group is joined as if each group were a rank's.
      const tp = (fuseGroups === undefined ? ranksToTry(found) : [fuseGroups]).find(
        (count) => (count === 1 || cutsRows(unit, count)) && relates(unit, perRank(count, fusedIn(order))),
      );
      if (tp === undefined) return [];
      const wrong = list(unit, order);
      const statement = `the fused rows are in the order ${wrong}, and were taken for ${list(unit, inOrder)}`;
      return [{ key: `${wrong} ${tp}`, statement, fix: `fuse and split in the order ${list(unit, inOrder)}, or ${CONVERT_AGAIN}` }];
    });
}

const holdsPairs = ({ components }: Unit): boolean => components.some(({ rotary }) => rotary);
const holdsHeads = ({ parameter, components }: Unit): boolean =>
  parameter.fuseGroups !== undefined || components.some(({ rotary }) => rotary);

const fusedOrder: UnitHypothesis = {
  fault: "F04",
  name: "q, k, v fused in another order",
  by: "parameter",
  formsOf: (unit, found) => orderForms(found, unit, holdsHeads),
};

const swappedHalves: UnitHypothesis = {
  fault: "F06",
  name: "gate and up swapped",
  by: "parameter",
  formsOf: (unit, found) =>
    orderForms(found, unit, ({ components }) => components.length === 2 && !holdsHeads(unit)).map((form) => {
      const [first, second] = unit.components.map(shortName);
      return { ...form, statement: `${first} and ${second} are in each other's place` };
    }),
};

/** Key/value groups: as many as the rotary tensor with the fewest heads has, where the plugin does not say. */
const groupsOf = ({ parameter: { fuseGroups }, components }: Unit): number =>
  fuseGroups ?? Math.min(...components.filter(({ rotary }) => rotary).map((component) => (component.shape[0] ?? 1) / headDimOf(component)));

const perGroup: UnitHypothesis = {
  fault: "F05",
  name: "qkv laid out per key/value group",
  by: "parameter",
  formsOf: (unit, found) => {
    if (!isFused(unit) || !holdsHeads(unit)) return [];
    const groups = groupsOf(unit);
    const isPerGroup = (tp: number) =>
      (tp === 1 || cutsRows(unit, tp)) && groups % tp === 0 && groups > tp && relates(unit, perRank(tp, fusedPerGroup(groups / tp)));
    const tp = ranksToTry(found).find(isPerGroup);
    if (tp === undefined) return [];
    const statement =
      "the fused rows are laid out group by group (q heads, k, v of each key/value group) on one side, all q, all k, all v on the other";
    const right =
      unit.parameter.fuseGroups === undefined ? "all q heads, then all k, then all v" : "each group's q heads, k and v together";
    return [{ key: `${tp}`, statement, fix: `lay out ${right}, or ${CONVERT_AGAIN}` }];
  },
};

const blockCut: UnitHypothesis = {
  fault: "F10",
  name: "a fused tensor cut as one block",
  by: "parameter",
  formsOf: (unit, found) => {
    if (!isFused(unit) || unit.parameter.fuseGroups !== undefined) return []; // groups are cut as one block, rightly
    const tp = severalRanksToTry(found).find((count) => cutsRows(unit, count) && relates(unit, cutAsOne(count)));
    if (tp === undefined) return [];
    const statement = `the fused tensor was cut for ${tp} ranks, or joined from them, as one block and not part by part`;
    return [{ key: `${tp}`, statement, fix: `give each rank its rows of every part, or ${CONVERT_AGAIN}` }];
  },
};

export const fusedHypotheses: readonly UnitHypothesis[] = [fusedOrder, perGroup, swappedHalves, blockCut];
