// What a framework's forward reads of a checkpoint: its own word, from outside the plugin, on which tensors there are and how they are cut.

import type { Context } from "../engine/open.js";
import type { FamilyForwards, Forward } from "../forward/forward.js";
import { Registry } from "../registry.js";

export interface Reads {
  /** Names asked for part by part: one of each tensor-parallel rank. */
  readonly parts: ReadonlySet<string>;
  /** Names asked for whole. */
  readonly whole: ReadonlySet<string>;
}

/** @returns the same context, and by layout what the family's forwards will have read by then */
export function recordReads(context: Context, family: string): { context: Context; reads: ReadonlyMap<string, Reads> } {
  const reads = new Map<string, { parts: Set<string>; whole: Set<string> }>();
  const recording = (layout: string, forward: Forward): Forward => {
    const log = { parts: new Set<string>(), whole: new Set<string>() };
    reads.set(layout, log);
    return (executor, source, tokens, options) => {
      const parts = (name: string) => {
        log.parts.add(name);
        return source.parts(name);
      };
      const whole = (name: string) => {
        log.whole.add(name);
        return source.whole(name);
      };
      return forward(executor, { ...source, parts, whole }, tokens, options);
    };
  };
  const forwards = new Registry<FamilyForwards>("family");
  if (context.forwards.names().includes(family)) {
    const own = Object.entries(context.forwards.get(family));
    forwards.add(family, Object.fromEntries(own.map(([layout, forward]) => [layout, recording(layout, forward)])));
  }
  return { context: { ...context, forwards }, reads };
}
