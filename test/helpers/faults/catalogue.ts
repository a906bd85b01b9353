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
