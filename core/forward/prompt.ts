// Which tokens a forward runs on: the user's text or ids, the package's prompt, or seeded random ids where there is no tokenizer.

import { UsageError } from "../errors.js";
import { DEFAULT_PROMPT } from "./default-prompt.js";
import type { TextTokenizer } from "./tokenizer.js";

/** Predictions that are made when the user does not say otherwise. */
export const DEFAULT_PREDICTIONS = 512;
/** Any number would do; always the same one makes runs repeatable. */
const SEED = 20240418;

export interface PromptOptions {
  readonly prompt?: string | undefined;
  readonly tokens?: readonly number[] | undefined;
}

export interface Prompt {
  /** n + 1 ids: each of the first n has the next one as its label. */
  readonly tokens: Uint32Array;
  readonly kind: "text" | "ids" | "the package's prompt" | "random ids";
}

export interface PromptLimits {
  readonly vocab: number;
  /** The model's longest context, in tokens. */
  readonly maxPositions: number;
  /** Predictions to be made on a prompt of our own. */
  readonly predictions: number;
}

/** @throws {UsageError} no tokenizer for a text, too few tokens, too many, or an id beyond the vocabulary */
export function choosePrompt({ prompt, tokens }: PromptOptions, tokenizer: TextTokenizer | undefined, limits: PromptLimits): Prompt {
  const { vocab, maxPositions, predictions } = limits;
  if (tokens !== undefined) return { tokens: checked(tokens, limits), kind: "ids" };
  if (prompt !== undefined) {
    if (tokenizer === undefined) {
      throw new UsageError("a prompt needs a tokenizer, and the checkpoint has no tokenizer.json", {
        hint: "give token ids with --tokens-file",
      });
    }
    return { tokens: checked(tokenizer.encode(prompt), limits), kind: "text" };
  }
  const length = Math.min(predictions, maxPositions) + 1;
  if (tokenizer === undefined) return { tokens: randomTokens(length, vocab), kind: "random ids" };
  return { tokens: checked(tokenizer.encode(DEFAULT_PROMPT).slice(0, length), limits), kind: "the package's prompt" };
}

function checked(tokens: readonly number[], { vocab, maxPositions }: PromptLimits): Uint32Array {
  if (tokens.length < 2) {
    throw new UsageError(`the prompt is too short: expected at least 2 tokens, found ${tokens.length}`, {
      hint: "the last token is only a label",
    });
  }
  if (tokens.length - 1 > maxPositions) {
    throw new UsageError(`the prompt is too long: expected at most ${maxPositions + 1} tokens, found ${tokens.length}`, {
      hint: "the model's max_position_embeddings ends there",
    });
  }
  const wrong = tokens.findIndex((token) => !Number.isSafeInteger(token) || token < 0 || token >= vocab);
  if (wrong >= 0) throw new UsageError(`token ${wrong} of the prompt: expected an id from 0 to ${vocab - 1}, found ${tokens[wrong]}`);
  return Uint32Array.from(tokens);
}

/** A linear congruential generator: the same ids on every machine. */
function randomTokens(length: number, vocab: number): Uint32Array {
  let state = SEED;
  return Uint32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * vocab);
  });
}
