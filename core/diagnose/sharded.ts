// F11, F12, F13: tensor-parallel parts in the wrong order, or cut along the wrong axis; a matrix turned.

import { itemSize } from "../tensor/dtype.js";
import type { CanonicalTensor } from "./canonical-tensors.js";
import { CONVERT_AGAIN, type UnitHypothesis } from "./hypothesis.js";
import { cutsColumns, cutsRows, severalRanksToTry } from "./ranks.js";
import { columnParts, cutBytes, isTransposed, parts, type Rows, rowsOf, sameBytes, sameRows } from "./rows.js";
import type { Unit } from "./units.js";

/** What each rank has of the unit's tensors, one tensor's rows after another's. */
function partsOfRanks(unit: Unit, tensors: readonly CanonicalTensor[], tp: number): Rows[] {
  const cutInto = cutsRows(unit, tp) ? parts : columnParts;
  const shares = tensors.map((tensor) => cutInto(rowsOf(tensor), tp));
  return Array.from({ length: tp }, (_, rank) => shares.flatMap((of) => of[rank] ?? []));
}

/** Whether each rank's first row in B begins some rank's in A: what tells most ranks from others before anything is cut. */
function mayBeRanks({ parameter, a: [a], b: [b] }: Unit, tp: number): boolean {
  if (a === undefined || b === undefined) return false;
  const [rows = 1] = a.shape;
  const starts = ({ bytes }: CanonicalTensor) =>
    parameter.parallelAxis === 0
      ? cutBytes(bytes, tp).map((slab) => slab.subarray(0, bytes.byteLength / rows))
      : cutBytes(bytes.subarray(0, bytes.byteLength / rows), tp);
  const inA = starts(a);
  return starts(b).every((start) => inA.some((other) => sameBytes(start, other)));
}

/** Whose part of A each rank of B has. @returns undefined when some rank has nobody's */
function ranksInB(unit: Unit, tp: number): number[] | undefined {
  if (!mayBeRanks(unit, tp)) return undefined;
  const [a, b] = [partsOfRanks(unit, unit.a, tp), partsOfRanks(unit, unit.b, tp)];
  const order = b.map((rows) => a.findIndex((candidate) => sameRows(candidate, rows)));
  return order.includes(-1) || new Set(order).size < tp ? undefined : order;
}

const rankOrder: UnitHypothesis = {
  fault: "F11",
  name: "ranks joined in the wrong order",
  by: "parameter",
  formsOf: (unit, found) => {
    for (const tp of severalRanksToTry(found)) {
      const order = cutsRows(unit, tp) || cutsColumns(unit, tp) ? ranksInB(unit, tp) : undefined;
      if (order === undefined) continue;
      const statement = `of ${tp} tensor-parallel ranks, the parts of ranks ${order.join(", ")} are in the places of ranks ${[...order.keys()].join(", ")}`;
      return [{ key: `${tp} ${order}`, statement, fix: `join the ranks' parts in ascending order of rank, or ${CONVERT_AGAIN}` }];
    }
    return [];
  },
};

/** Whether each rank's slab of columns in `made` is its slab of rows in `whole`: bytes that fit, of another part of the matrix. */
function areSlabsTakenForColumns(whole: CanonicalTensor, made: CanonicalTensor, tp: number): boolean {
  const [rows = 1] = whole.shape;
  const slab = whole.bytes.byteLength / tp;
  const width = slab / rows;
  for (let row = 0; row < rows; row++) {
    for (let rank = 0; rank < tp; rank++) {
      const from = rank * slab + row * width;
      const to = (row * tp + rank) * width;
      if (!sameBytes(whole.bytes.subarray(from, from + width), made.bytes.subarray(to, to + width))) return false;
    }
  }
  return true;
}

function wrongAxis({ a: [a], b: [b] }: Unit, tp: number): boolean {
  if (a === undefined || b === undefined || (a.shape[0] ?? 1) % tp !== 0) return false;
  return areSlabsTakenForColumns(a, b, tp) || areSlabsTakenForColumns(b, a, tp);
}

const cutAxis: UnitHypothesis = {
  fault: "F12",
  name: "a row-parallel weight cut on the wrong axis",
  by: "tensor",
  formsOf: (unit, found) => {
    const tp = severalRanksToTry(found).find((count) => cutsColumns(unit, count) && wrongAxis(unit, count));
    if (tp === undefined) return [];
    const statement = `the weight was shared among ${tp} ranks by rows, where its ranks share columns`;
    return [{ key: `${tp}`, statement, fix: `cut and join this weight along its columns, or ${CONVERT_AGAIN}` }];
  },
};

const turned: UnitHypothesis = {
  fault: "F13",
  name: "a square weight transposed",
  by: "tensor",
  formsOf: ({ a: [a], b: [b] }) => {
    const [rows = 0, columns = 0] = a?.shape ?? [];
    if (a === undefined || b === undefined || a.shape.length !== 2 || rows !== columns) return [];
    if (!isTransposed(a.bytes, b.bytes, rows, itemSize(a.dtype))) return [];
    return [{ key: "", statement: "the matrix is transposed", fix: `transpose it back, or ${CONVERT_AGAIN}` }];
  },
};

export const shardedHypotheses: readonly UnitHypothesis[] = [rankOrder, cutAxis, turned];
