// How far a checkpoint's predicted logits are from those that a naive forward in float64 gives.

import { createEngine } from "../../core/index.js";
import type { Scratch } from "./folders.js";
import { readLogits } from "./reference.js";

const engine = createEngine();

/**
 * @param tokens - the last is only a label
 * @param expected - logits [T, V] of all but the last
 * @returns max |Δ| in exact numerics on the CPU
 */
export async function furthestFrom(expected: number[][], folder: string, tokens: readonly number[], scratch: Scratch): Promise<number> {
  const logits = `${scratch.fresh()}.npy`;
  await engine.predict(folder, { tokens: [...tokens], executor: "cpu", logits });
  const { values, columns } = readLogits(logits);
  return Math.max(...values.map((value, at) => Math.abs(value - (expected[Math.floor(at / columns)]?.[at % columns] ?? Number.NaN))));
}
