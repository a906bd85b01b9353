// Where a case is tried: an engine's parts over a store in memory, with a checkpoint made from the case's config.

import { type CastTarget, hasRowOrders, type Plugin, type Values } from "../architecture/declaration.js";
import { createContext, type EngineOverrides } from "../compose.js";
import { convert } from "../engine/convert.js";
import type { Context } from "../engine/open.js";
import type { Arrangement, Topology } from "../layout/layout.js";
import { pipelineOf } from "../layout/nanotron/layout.js";
import { fillsPipeline } from "../layout/nanotron/pipeline.js";
import { Registry } from "../registry.js";
import { makeCheckpoint } from "./made-checkpoint.js";
import { MemoryStore } from "./memory-store.js";

/** The plugin under test, among those that it is tested with. */
export interface Subject {
  readonly plugin: Plugin;
  readonly context: Context;
}

/** @throws {UsageError} there is no such plugin; {DeclarationError} one of the overrides' plugins is wrong */
export function subjectOf(name: string, overrides: EngineOverrides): Subject {
  const context = createContext(overrides);
  return { plugin: context.plugins.get(name), context };
}

export interface Workbench {
  readonly store: MemoryStore;
  readonly context: Context;
  readonly plugin: Plugin;
  /** Every tensor-parallel size that divides what ranks share. */
  readonly tps: readonly number[];
  /** Every pipeline size up to the number of layers that Nanotron's placement can fill. */
  readonly pps: readonly number[];
}

export const SOURCE = "/source";

/** Far beyond the ranks of any node, and of any model's key/value heads. */
const MAX_TP = 64;

/**
 * @param seed - undefined makes headers only, of any size
 * @param stored - names of tensors that the checkpoint has as well
 */
export function setUp({ plugin, context }: Subject, config: Values, seed?: number, stored?: readonly string[]): Workbench {
  const store = new MemoryStore();
  const { shared, architecture, dimensions } = makeCheckpoint(store, SOURCE, plugin, { config, seed, stored });
  const tps = upTo(MAX_TP).filter((tp) => shared.every((size) => size % tp === 0));
  const pps = upTo(dimensions.layers ?? 1).filter((pp) => fillsPipeline(pipelineOf(architecture), pp));
  return { store, context: { ...context, store }, plugin, tps, pps };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

/** The same with another declaration under the plugin's name. */
export function withPlugin(context: Context, plugin: Plugin): Context {
  const plugins = new Registry<Plugin>("plugin");
  for (const known of context.plugins.all()) plugins.add(known.name, known.name === plugin.name ? plugin : known);
  return { ...context, plugins };
}

/** Each topology in both orders of q's and k's rows, where the plugin's models know both. */
export const arrangementsOf = (plugin: Plugin, topologies: readonly Topology[]): Arrangement[] =>
  topologies.flatMap((topology) =>
    (hasRowOrders(plugin) ? [false, true] : [false]).map((ropeInterleaved) => ({ ...topology, ropeInterleaved })),
  );

export const describeArrangement = ({ tp, pp, ropeInterleaved }: Arrangement): string =>
  `TP ${tp}, PP ${pp}, ${ropeInterleaved ? "interleaved" : "half-split"} RoPE`;

/** Carry the source, or what lies in `from`, without any check: what is written is for the caller to judge. */
export async function carry(
  context: Context,
  plugin: string,
  to: Arrangement | "huggingface",
  [from, destination]: readonly [string, string],
  dtype?: CastTarget,
): Promise<void> {
  const target = to === "huggingface" ? ({ to } as const) : ({ to: "nanotron", ...to, nanotronRoot: "/model" } as const);
  await context.store.remove(destination);
  await convert(context, from, destination, {
    ...target,
    plugin,
    ...(dtype === undefined ? {} : { dtype }),
    allowSemanticLoss: true,
    verify: "none",
    fsync: false,
  });
}
