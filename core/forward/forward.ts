// What a forward is: a framework's own computation of a model's logits, as a program over an executor's ops.
// A family brings one per layout; each reads its own framework's names and config, and never the plugin's mapping.

import type { Values } from "../architecture/declaration.js";
import type { Executor, Tensor, Weight } from "../executor/executor.js";
import type { Arrangement } from "../layout/layout.js";

/** `exact`: float32 throughout. `framework`: rounded where the framework rounds. */
export type Numerics = "exact" | "framework";

export interface ForwardOptions {
  readonly numerics: Numerics;
  /** With `framework` numerics: transformers' sdpa and flash-attn round as `fused`, its eager attention as `eager`. */
  readonly attention: "fused" | "eager";
}

/** A checkpoint as its own framework sees it. */
export interface ForwardSource {
  /** The framework's own config file, plain numbers. */
  readonly config: Values;
  /** The config file's path, for errors. */
  readonly configPath: string;
  readonly arrangement: Arrangement;
  /**
   * A stored tensor's parts in the order of their tensor-parallel ranks; one part when it is not sharded.
   *
   * @param name - the framework's own name of it
   * @throws {CheckpointError} nothing is stored under the name, or ranks are missing
   */
  parts(name: string): readonly Weight[];
  /** @throws {CheckpointError} as `parts`, or there are several */
  whole(name: string): Weight;
}

/** A point that every framework's forward of a family passes. */
export interface Stage {
  /** The same in every layout, e.g. `layer 3 attention`. */
  readonly name: string;
  /** The residual stream [T, H] there. The forward owns it: it is released when the next stage is asked for. */
  readonly hidden: Tensor;
}

/**
 * Yields a stage after the embedding, after each layer's attention and feed-forward, and after the final norm; returns the
 * logits [T, V], which are the caller's to release. Ending the generator early releases everything it holds.
 */
export type Forward = (
  executor: Executor,
  source: ForwardSource,
  tokens: Uint32Array,
  options: ForwardOptions,
) => AsyncGenerator<Stage, Tensor, void>;

/** A family's forwards by layout name. */
export type FamilyForwards = Readonly<Record<string, Forward>>;
