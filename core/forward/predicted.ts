// The best next tokens at chosen positions, as they are shown: which positions, how many, and the tokens in words.

import { UsageError } from "../errors.js";
import type { Candidate } from "../executor/executor.js";
import type { TextTokenizer } from "./tokenizer.js";

export interface PredictedToken {
  readonly token: number;
  readonly text: string | null;
  readonly probability: number;
}

export interface PositionChoice {
  /** Counted from 0. */
  readonly positions: readonly number[];
  /** Best tokens at each. */
  readonly top: number;
}

/** The original scripts'. */
const DEFAULT_POSITIONS = [5, 27, 34];
/** Of a vocabulary that has as many. */
const DEFAULT_TOP = 10;

/** @throws {UsageError} a position that no prediction is made at, or more tokens than there are */
export function choosePositions(
  { positions, top }: { readonly positions?: readonly number[] | undefined; readonly top?: number | undefined },
  { predictions, vocab }: { readonly predictions: number; readonly vocab: number },
): PositionChoice {
  const beyond = positions?.find((position) => !Number.isSafeInteger(position) || position < 0 || position >= predictions);
  if (beyond !== undefined) throw new UsageError(`position ${beyond}: expected one of the predictions, 0 to ${predictions - 1}`);
  if (top !== undefined && (top < 1 || top > vocab))
    throw new UsageError(`--top ${top}: expected a number from 1 to ${vocab}, the size of the vocabulary`);
  return {
    positions: positions ?? DEFAULT_POSITIONS.filter((position) => position < predictions),
    top: top ?? Math.min(DEFAULT_TOP, vocab),
  };
}

export const describeCandidates = (candidates: readonly Candidate[], tokenizer: TextTokenizer | undefined): PredictedToken[] =>
  candidates.map(({ token, probability }) => ({ token, text: tokenizer?.textOf(token) ?? null, probability }));
