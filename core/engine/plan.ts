// plan: the proven plan as a value, and what carrying it out would cost.

import { LANE_BUFFER_BYTES } from "../lanes/crew.js";
import type { Topology } from "../layout/layout.js";
import { type Plan, plannedBytes } from "../plan/plan.js";
import type { Context } from "./open.js";
import { prepare } from "./prepare.js";
import type { PlanOptions } from "./prepared.js";

export interface PlanReport {
  readonly plugin: string;
  readonly source: Topology & { readonly layout: string };
  readonly target: Topology & { readonly layout: string; readonly ropeInterleaved: boolean };
  /** Always true: a plan that fails its proof is thrown as a PlanError. */
  readonly proven: true;
  readonly cost: PlanCost;
  /** What the target's framework would compute differently, allowed on request. */
  readonly semanticLosses: readonly string[];
  readonly warnings: readonly string[];
  readonly plan: Plan;
}

/** Sizes in bytes. */
export interface PlanCost {
  readonly files: number;
  readonly segments: number;
  /** Of weights to be written. */
  readonly weightBytes: number;
  /** Of weight files to be written, headers included. */
  readonly fileBytes: number;
  /** Weights held in memory at once, whatever the model's size; Node itself comes on top. */
  readonly bufferBytes: number;
  /** Free on the file system that holds the source. */
  readonly freeBytes: number;
}

export async function plan(context: Context, path: string, options: PlanOptions): Promise<PlanReport> {
  const { source, target, arrangement, plan: proven, losses, warnings } = await prepare(context, path, options);
  return {
    plugin: source.match.plugin.name,
    source: { layout: source.layout.name, ...source.checkpoint.topology },
    target: { layout: target.name, ...arrangement },
    proven: true,
    cost: {
      files: proven.targets.length,
      segments: proven.segments.length,
      weightBytes: plannedBytes(proven),
      fileBytes: proven.targets.reduce((sum, { byteLength }) => sum + byteLength, 0),
      bufferBytes: LANE_BUFFER_BYTES,
      freeBytes: await context.store.freeBytes(source.checkpoint.root),
    },
    semanticLosses: losses,
    warnings,
    plan: proven,
  };
}
