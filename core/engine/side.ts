// What a verification says of each of its two checkpoints.

import type { Topology } from "../layout/layout.js";
import type { DType } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import type { Model } from "./open.js";

export interface SideReport {
  /** The folder that holds the checkpoint; of a Nanotron run, the step's. */
  readonly path: string;
  readonly layout: string;
  readonly plugin: string;
  /** Nanotron's checkpoint version; null for Hugging Face. */
  readonly version: string | null;
  readonly topology: Topology;
  readonly ropeInterleaved: boolean;
  /** Of weights: files, and elements and bytes of all stored tensors. */
  readonly files: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Sorted. */
  readonly dtypes: readonly DType[];
}

export function sideReport({ checkpoint, layout, match, arrangement }: Model): SideReport {
  const tensors = [...checkpoint.tensors.values()];
  return {
    path: checkpoint.root,
    layout: layout.name,
    plugin: match.plugin.name,
    version: checkpoint.version ?? null,
    topology: checkpoint.topology,
    ropeInterleaved: arrangement.ropeInterleaved,
    files: checkpoint.files.length,
    parameters: tensors.reduce((sum, { shape }) => sum + numElements(shape), 0),
    bytes: tensors.reduce((sum, { byteStart, byteEnd }) => sum + byteEnd - byteStart, 0),
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))].sort(),
  };
}
