// Tensor-parallel sizes at which a wrong conversion may have cut or joined: all that the model allows, since a file does not tell.

import type { Case } from "./case.js";
import type { Unit } from "./units.js";

/** More ranks share no tensor in practice: a host has eight devices, the largest clusters' fast links reach 64. */
const MOST_RANKS = 64;

/** B's own first, since its files were cut that way, then A's, then from few to many. */
export const ranksToTry = ({ a, b }: Case): number[] => [
  ...new Set([b.arrangement.tp, a.arrangement.tp, ...Array.from({ length: MOST_RANKS }, (_, at) => at + 1)]),
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
