// Tensor-parallel sizes at which a wrong conversion may have cut or joined: those of the two sides, and the usual ones.

import type { Case } from "./case.js";
import type { Unit } from "./units.js";

const USUAL = [2, 4, 8];

/** B's own first, since its files were cut that way. One rank is among them only for what goes wrong without cutting. */
export const ranksToTry = ({ a, b }: Case, ...also: readonly number[]): number[] => [
  ...new Set([b.arrangement.tp, a.arrangement.tp, ...also, ...USUAL]),
];

export const severalRanksToTry = (found: Case): number[] => ranksToTry(found).filter((tp) => tp > 1);

/** Whether ranks of that number can share the unit's tensors in rows, whole heads each. */
export const cutsRows = ({ parameter, components }: Unit, tp: number): boolean =>
  parameter.parallelAxis === 0 && components.every(({ axes, transpose }) => !transpose && (axes[0]?.[0] ?? 1) % tp === 0);

/** Whether they can share its one matrix in columns. */
export const cutsColumns = ({ parameter, components }: Unit, tp: number): boolean =>
  parameter.parallelAxis === 1 &&
  components.length === 1 &&
  components.every(({ axes, transpose, shape }) => !transpose && shape.length === 2 && (axes[1]?.[0] ?? 1) % tp === 0);
