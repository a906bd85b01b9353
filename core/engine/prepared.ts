// What a plan is asked for with, and what is known once it is made and proven.

import type { CastTarget, LayoutName } from "../architecture/declaration.js";
import type { Settings } from "../architecture/settings.js";
import type { Arrangement, Carried, Layout, NanotronVersion, Slot, TargetFile } from "../layout/layout.js";
import type { Plan } from "../plan/plan.js";
import type { Model, ModelOptions } from "./open.js";

export interface PlanOptions extends ModelOptions {
  readonly to: LayoutName;
  /** Tensor- and pipeline-parallel sizes; 1 by default, the source's own between Nanotron checkpoints. */
  readonly tp?: number | undefined;
  readonly pp?: number | undefined;
  /** Turn the weights into this dtype: the only step that changes values. */
  readonly dtype?: CastTarget | undefined;
  /** Checkpoint version to write; 1.4, which the most readers accept, by default. */
  readonly nanotronVersion?: NanotronVersion | undefined;
  readonly ropeInterleaved?: boolean | undefined;
  /** Go on where the weights stay exact and the forward differs. */
  readonly allowSemanticLoss?: boolean | undefined;
  /** Bytes of tensors per Hugging Face shard; 5e9 by default. */
  readonly maxShardBytes?: number | undefined;
  /** Warnings become errors. */
  readonly strict?: boolean | undefined;
}

export interface Prepared {
  readonly source: Model;
  readonly target: Layout;
  readonly arrangement: Arrangement;
  readonly version: NanotronVersion;
  readonly slots: readonly Slot[];
  readonly files: readonly TargetFile[];
  readonly plan: Plan;
  /** Config texts as earlier conversions met them. */
  readonly carried: Carried;
  /** What the target's config is to say. */
  readonly settings: Settings;
  readonly losses: readonly string[];
  readonly warnings: readonly string[];
}
