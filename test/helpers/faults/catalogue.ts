// The whole catalogue of silent faults, F01 to F22, each in one or more forms, for any layout, topology and size.

import type { FloatDType } from "../floats.js";
import { faults } from "./all.js";
import type { Facts } from "./checkpoint-files.js";
import { wholeFaults } from "./whole-folder.js";

export interface CatalogueFault {
  readonly id: string;
  readonly title: string;
  /** Where the form can be made, and is a fault. */
  readonly appliesTo: (facts: Facts, dtype: FloatDType) => boolean;
  /** What the form is where it does not apply, and why that is no fault to be caught. */
  readonly elsewhere?: string;
  /** What the original must have, in Hugging Face's layout: put in before anything is converted. */
  readonly prepare?: (folder: string) => void;
  /** Changes a right checkpoint folder in place. */
  readonly inject: (folder: string) => void;
  /** Why predictions cannot see it; undefined where they must. */
  readonly unseen?: string;
}

export const catalogue: readonly CatalogueFault[] = [...faults, ...wholeFaults].sort((a, b) => a.id.localeCompare(b.id));

/** What each fault is in all its forms. */
export const FAULT_NAMES: Readonly<Record<string, string>> = {
  F01: "q and k rows in the other RoPE order",
  F02: "rope_theta left at its default",
  F03: "rope scaling dropped or ignored",
  F04: "q, k, v fused in another order",
  F05: "qkv laid out per key/value group",
  F06: "gate and up swapped",
  F07: "the two norms of a layer swapped",
  F08: "layers in each other's places",
  F09: "a tensor dropped or left at initial values",
  F10: "a fused tensor cut as one block",
  F11: "ranks joined in the wrong order",
  F12: "o_proj cut on the wrong axis",
  F13: "a square weight transposed",
  F14: "lm_head tied or untied wrongly",
  F15: "permutation with the wrong head count",
  F16: "padded vocabulary rows left in",
  F17: "dtype changed silently",
  F18: "norm epsilon or activation differs",
  F19: "one element corrupted, in its last bit",
  F20: "biases dropped",
  F21: "final norm missing or a layer's",
  F22: "a stale shard of another topology",
};
