// Why predictions that agree may say little: a prompt that most faults pass.

import type { Executor, Tensor } from "../executor/executor.js";

/** Fewer see few positions, and RoPE's faults grow with them. */
const FEW_PREDICTIONS = 16;
/** Among fewer, attention averages values that are nearly the same. */
const FEW_TOKENS = 8;
/** Of the best token, times the vocabulary: 1 is a uniform row. */
const UNIFORM = 1.05;

/**
 * @param tokens - n + 1 ids
 * @param logits - [n, vocabulary], of the first n
 * @returns a phrase for each weakness; none of evidence that is strong
 */
export async function weaknessesOf(executor: Executor, tokens: Uint32Array, logits: Tensor): Promise<string[]> {
  const [rows, vocab] = logits.shape;
  const different = new Set(tokens.subarray(0, -1)).size;
  const best = await executor.topK(logits, [...Array(rows).keys()], 1);
  const uniform = best.filter(([candidate]) => (candidate?.probability ?? 1) * vocab < UNIFORM).length;
  const found: string[] = [];
  if (rows < FEW_PREDICTIONS) found.push(`${rows} predictions are few`);
  if (different === 1) found.push("one token repeated gives attention nothing to choose from");
  else if (different < FEW_TOKENS) found.push(`${different} different tokens are few`);
  if (uniform > rows / 2) found.push(`the logits are uniform at ${uniform} of ${rows} positions`);
  return found;
}
