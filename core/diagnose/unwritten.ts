// F09, F20, F21: tensors that are not there, or were never filled.

import type { CanonicalTensor } from "./canonical-tensors.js";
import type { Case } from "./case.js";
import { type Account, CONVERT_AGAIN, type Hypothesis, type UnitHypothesis, type WholeHypothesis } from "./hypothesis.js";
import { isBias, isFinalNorm } from "./places.js";
import { cutsColumns, cutsRows, severalRanksToTry } from "./ranks.js";
import { columnParts, cutBytes, parts, type Rows, rowsOf, sameBytes, sameRows } from "./rows.js";
import type { Form, Unit } from "./units.js";

/** The first byte is, and every byte is the one before it. */
const isZero = (bytes: Buffer): boolean => bytes[0] === 0 && sameBytes(bytes.subarray(1), bytes.subarray(0, -1));

/** One in little-endian bytes, by dtype. */
const ONE: Readonly<Record<string, readonly number[]>> = { BF16: [0x80, 0x3f], F16: [0x00, 0x3c], F32: [0, 0, 0x80, 0x3f] };

function isOne({ bytes, dtype }: CanonicalTensor): boolean {
  const one = ONE[dtype];
  return one !== undefined && bytes.every((byte, at) => byte === one[at % one.length]);
}

/** Zero, or a norm's initial ones. Random initial values cannot be told from other random values. */
const initialValue = (tensor: CanonicalTensor): string | undefined =>
  isZero(tensor.bytes) ? "zero" : tensor.shape.length === 1 && isOne(tensor) ? "its initial ones" : undefined;

/** Whether some rank's first row is zero: what is cheaply seen before anything is cut. */
function beginsWithZero(unit: Unit, rows: Rows, tp: number): boolean {
  const starts = cutsRows(unit, tp) ? rows.filter((_, at) => at % (rows.length / tp) === 0) : cutBytes(rows[0] as Buffer, tp);
  return starts.some(isZero);
}

/** A rank whose part of B is zero, while the others have what A has. */
function unfilledRanks(unit: Unit, [mine, theirs]: [Rows, Rows], tp: number): number[] {
  if (!beginsWithZero(unit, theirs, tp)) return [];
  const cutInto = cutsRows(unit, tp) ? parts : columnParts;
  const [a, b] = [cutInto(mine, tp), cutInto(theirs, tp)];
  const unfilled = [...b.keys()].filter((rank) => b[rank]?.every(isZero));
  const isElsewhereEqual = [...b.keys()].every((rank) => unfilled.includes(rank) || sameRows(a[rank] ?? [], b[rank] ?? []));
  return isElsewhereEqual ? unfilled : [];
}

function unfilledForms(found: Case, unit: Unit): Form[] {
  const [[a], [b]] = [unit.a, unit.b];
  if (a === undefined || b === undefined) return [];
  const fix = `write the tensor, or ${CONVERT_AGAIN}`;
  const value = initialValue(b);
  if (value !== undefined) return [{ key: value, statement: `the tensor was left at ${value}`, fix }];
  for (const tp of severalRanksToTry(found)) {
    const ranks = cutsRows(unit, tp) || cutsColumns(unit, tp) ? unfilledRanks(unit, [rowsOf(a), rowsOf(b)], tp) : [];
    if (ranks.length > 0)
      return [{ key: `${tp} ${ranks}`, statement: `the part of rank ${ranks.join(", ")} of ${tp} was left at zero`, fix }];
  }
  return [];
}

/** Tensors that B does not have: one in a wrong shape was not dropped. */
const missing = (found: Case, isAsked: (name: string) => boolean, statement: string, fix: string): Account[] => {
  const tensors = found.parameters.missing.filter((name) => isAsked(name) && !found.b.misshapen.includes(name));
  return tensors.length === 0 ? [] : [{ statement, fix, tensors, settings: [] }];
};

const isOfALayer = ({ a: { architecture, checkpoint } }: Case, name: string): boolean =>
  !isFinalNorm(architecture, name) &&
  (architecture.components.some((component) => component.name === name) || checkpoint.tensors.has(name));

const LEFT = { fault: "F09", name: "a tensor dropped or left at initial values" } as const;

const unfilled: UnitHypothesis = {
  ...LEFT,
  by: "tensor",
  formsOf: (unit, found) => (unit.components.some(({ name }) => isFinalNorm(found.a.architecture, name)) ? [] : unfilledForms(found, unit)),
};

const dropped: WholeHypothesis = {
  ...LEFT,
  async explains(found) {
    const isDropped = (name: string) => isOfALayer(found, name) && !isBias(found.a.architecture, found.a.checkpoint, name);
    return missing(found, isDropped, "B has not all of the tensor", `write the whole tensor, or ${CONVERT_AGAIN}`);
  },
};

const NO_FINAL_NORM = { fault: "F21", name: "final norm missing" } as const;

const unfilledFinalNorm: UnitHypothesis = {
  ...NO_FINAL_NORM,
  by: "tensor",
  formsOf: (unit, found) =>
    unit.components.every(({ name }) => isFinalNorm(found.a.architecture, name)) ? unfilledForms(found, unit) : [],
};

const droppedFinalNorm: WholeHypothesis = {
  ...NO_FINAL_NORM,
  async explains(found) {
    const isIt = (name: string) => isFinalNorm(found.a.architecture, name);
    return missing(found, isIt, "B has no final norm", `write the final norm, or ${CONVERT_AGAIN}`);
  },
};

const bias: WholeHypothesis = {
  fault: "F20",
  name: "a bias dropped",
  async explains(found) {
    const fix = "convert with a plugin that declares the biases, into a layout that can hold them";
    return missing(found, (name) => isBias(found.a.architecture, found.a.checkpoint, name), "A adds biases that B does not have", fix);
  },
};

export const unwrittenHypotheses: readonly Hypothesis[] = [unfilled, dropped, bias, unfilledFinalNorm, droppedFinalNorm];
