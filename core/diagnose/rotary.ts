// F01, F15: rows of q and k in another order than rotary embedding takes them in.

import { headDimOf } from "../architecture/architecture.js";
import type { Case } from "./case.js";
import { CONVERT_AGAIN, type UnitHypothesis } from "./hypothesis.js";
import { interleave, type Rows, rowsOf, sameRows, separate } from "./rows.js";
import type { Form, Unit } from "./units.js";

const rowsPerHead = ({ components: [component] }: Unit): number => (component === undefined ? 0 : headDimOf(component));
const isRotary = ({ components: [component] }: Unit): boolean => component?.rotary === true;
const only = (tensors: Unit["a"]): Rows => tensors.flatMap(rowsOf);

/** B's rows against A's, once both are in Hugging Face's order. Heads of four rows go both ways at once. */
function directions(unit: Unit): ("interleaved" | "separated")[] {
  const [a, b, headDim] = [only(unit.a), only(unit.b), rowsPerHead(unit)];
  const found: ("interleaved" | "separated")[] = [];
  if (sameRows(interleave(a, headDim), b)) found.push("interleaved");
  if (sameRows(separate(a, headDim), b)) found.push("separated");
  return found;
}

/** What it means depends on what B's config says of its rows. */
function otherOrder(found: Case, unit: Unit): Form[] {
  const { checkpoint, arrangement } = found.b;
  const directionsFound = isRotary(unit) ? directions(unit) : [];
  if (directionsFound.length === 0) return [];
  const says = arrangement.ropeInterleaved;
  const isConfigs = checkpoint.layout !== "huggingface";
  const said = isConfigs ? `rope_interleaved is ${says} in ${checkpoint.configPath}` : "its framework takes them half-split";
  const [is, meant] = says ? ["half-split", "interleaved"] : ["interleaved", "half-split"];
  const rows = `bring the rows of each head into ${meant} order, or ${CONVERT_AGAIN}`;
  if (!directionsFound.includes(says ? "separated" : "interleaved")) {
    return [{ key: "twice", statement: `rows of q or k were permuted between the orders of RoPE twice, while ${said}`, fix: rows }];
  }
  const config = `set rope_interleaved to ${!says} in ${checkpoint.configPath}, or ${CONVERT_AGAIN}`;
  const fix = isConfigs && allRotaryDiffer(found) ? config : rows;
  return [{ key: "once", statement: `rows of q or k are in ${is} order, while ${said}`, fix }];
}

/** Where all rows are in the order that the config denies, it is the config that takes the least to put right. */
const allRotaryDiffer = ({ a, parameters }: Case): boolean =>
  a.architecture.components.every(({ name, rotary }) => !rotary || parameters.different.includes(name));

const rowOrder: UnitHypothesis = {
  fault: "F01",
  name: "q and k rows in the other RoPE order",
  by: "tensor",
  formsOf: (unit, found) => otherOrder(found, unit),
};

/** Permuted for heads of one size where they have another: on the way there, on the way back, or where nothing was to be permuted. */
function wrongHeads(unit: Unit): Form[] {
  if (!isRotary(unit)) return [];
  const [a, b, headDim] = [only(unit.a), only(unit.b), rowsPerHead(unit)];
  const others = unit.parameter.components
    .filter(({ rotary }) => rotary)
    .map((component) => (component.shape[0] ?? 1) / headDimOf(component));
  return [...new Set(others)].flatMap((heads) => {
    const wrong = a.length / heads;
    if (wrong === headDim || wrong % 2 !== 0) return [];
    const made = [
      separate(interleave(a, headDim), wrong),
      separate(interleave(a, wrong), headDim),
      interleave(separate(a, headDim), wrong),
      interleave(separate(a, wrong), headDim),
      interleave(a, wrong),
      separate(a, wrong),
    ];
    if (!made.some((rows) => sameRows(rows, b))) return [];
    const statement = `rows were permuted as ${heads} heads of ${wrong} rows, where there are ${a.length / headDim} heads of ${headDim}`;
    return [{ key: `${heads} ${wrong}`, statement, fix: `permute q by the query heads and k by the key/value heads, or ${CONVERT_AGAIN}` }];
  });
}

const headCount: UnitHypothesis = {
  fault: "F15",
  name: "permutation with the wrong head count",
  by: "tensor",
  formsOf: wrongHeads,
};

export const rotaryHypotheses: readonly UnitHypothesis[] = [rowOrder, headCount];
