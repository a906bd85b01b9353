// From an open model to a forward that can run: its family's, for its layout, on its own tensors.

import { UnsupportedError } from "../errors.js";
import type { Forward, ForwardSource } from "../forward/forward.js";
import { forwardSource } from "../forward/source.js";
import type { Context, Model } from "./open.js";

/** What both `predict` and `verify` let a user choose. */
export interface ForwardChoices {
  /** Text to predict on. */
  readonly prompt?: string | undefined;
  /** Token ids to predict on, instead of a text. */
  readonly tokens?: readonly number[] | undefined;
  /** An executor's name; `auto` (default) takes the best that works. */
  readonly executor?: string | undefined;
  /** `exact` (default) is float32 throughout; `framework` rounds where the framework does. */
  readonly numerics?: "exact" | "framework" | undefined;
}

export interface Runnable {
  readonly forward: Forward;
  readonly source: ForwardSource;
  readonly layers: number;
  readonly hidden: number;
  readonly vocab: number;
  readonly maxPositions: number;
}

/** Whether the plugin's family has a forward for the model's own layout, and for those named. */
export function hasForward({ forwards }: Context, { match, layout }: Model, ...layouts: readonly string[]): boolean {
  const { family } = match.plugin;
  return forwards.names().includes(family) && [layout.name, ...layouts].every((name) => forwards.get(family)[name] !== undefined);
}

/** @throws {UnsupportedError} the plugin's family has no forward for the model's layout */
export function runnable(context: Context, model: Model): Runnable {
  const { match, layout, checkpoint, arrangement } = model;
  const { plugin, configuration } = match;
  const forward = hasForward(context, model) ? context.forwards.get(plugin.family)[layout.name] : undefined;
  if (forward === undefined) {
    throw new UnsupportedError(`${checkpoint.root}: family ${plugin.family} has no forward for the ${layout.name} layout`, false, {
      hint: "compare with --checks parameters",
    });
  }
  const { layers = 1, hidden = 1, vocab = 1 } = configuration.dimensions;
  const positions = configuration.settings.max_position_embeddings;
  const maxPositions = typeof positions === "number" ? positions : Number.MAX_SAFE_INTEGER;
  return { forward, source: forwardSource(checkpoint, arrangement), layers, hidden, vocab, maxPositions };
}
