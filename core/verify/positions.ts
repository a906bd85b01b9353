// Both models' best next tokens at chosen positions, side by side.

import type { Candidate, Executor, Tensor } from "../executor/executor.js";
import { describeCandidates, type PositionChoice, type PredictedToken } from "../forward/predicted.js";
import type { TextTokenizer } from "../forward/tokenizer.js";

export interface PositionReport {
  /** What the prompt says before the prediction, its last tokens; null without a tokenizer. */
  readonly context: string | null;
  /** The token that follows in the prompt. */
  readonly next: { readonly token: number; readonly text: string | null };
  /** Best first. */
  readonly a: readonly PredictedToken[];
  readonly b: readonly PredictedToken[];
}

export interface PositionRequest extends PositionChoice {
  readonly tokenizer: TextTokenizer | undefined;
}

/** Enough to see what sort of text it is. */
const CONTEXT_TOKENS = 16;

/**
 * @param a - logits [T, V] @param b - of the same shape
 * @param tokens - the prompt, n + 1 ids
 */
export async function positionsOf(
  executor: Executor,
  [a, b]: readonly [Tensor, Tensor],
  tokens: Uint32Array,
  { positions, top, tokenizer }: PositionRequest,
): Promise<Record<string, PositionReport>> {
  const [ours, theirs] = [await executor.topK(a, positions, top), await executor.topK(b, positions, top)];
  const best = (candidates: readonly Candidate[][], at: number) => describeCandidates(candidates[at] ?? [], tokenizer);
  const textOf = (ids: Uint32Array) => (tokenizer === undefined ? null : Array.from(ids, (id) => tokenizer.textOf(id)).join(""));
  const report = (position: number, at: number): PositionReport => ({
    context: textOf(tokens.subarray(Math.max(0, position + 1 - CONTEXT_TOKENS), position + 1)),
    next: { token: tokens[position + 1] ?? 0, text: textOf(tokens.subarray(position + 1, position + 2)) },
    a: best(ours, at),
    b: best(theirs, at),
  });
  return Object.fromEntries(positions.map((position, at) => [position, report(position, at)]));
}
