// A copy plan: a plain value that says which bytes of which file go where. Made from headers alone; it does no I/O.

import type { DType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";

/** One level of repetition; strides are in bytes. */
export interface Loop {
  readonly count: number;
  readonly sourceStride: number;
  readonly targetStride: number;
}

/** A place in a file of the plan. */
export interface Place {
  readonly file: number; // index into the plan's sources or targets
  readonly byteOffset: number;
}

/** Runs of bytes, repeated along at most two loops, outermost first. */
export interface Segment {
  readonly source: Place;
  readonly target: Place;
  /** Of one run, in the source. */
  readonly byteLength: number;
  readonly loops: readonly Loop[];
  /** Present when the elements change their dtype; target runs then have their own length. */
  readonly cast?: { readonly from: DType; readonly to: DType };
}

/** A tensor's place in a file; the range is half-open, in bytes from the start of the file. */
export interface PlanTensor {
  readonly key: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteStart: number;
  readonly byteEnd: number; // exclusive
}

/** A file that the plan reads or writes; its tensors are in the order of their bytes. */
export interface PlanFile {
  readonly path: string;
  readonly byteLength: number;
  readonly tensors: readonly PlanTensor[];
}

/** A source tensor that no segment reads, and why. */
export interface UnusedTensor {
  readonly key: string;
  readonly reason: string;
}

export interface Plan {
  readonly sources: readonly PlanFile[];
  readonly targets: readonly PlanFile[];
  /** Sorted by target file and offset; together they cover every target tensor's bytes exactly once. */
  readonly segments: readonly Segment[];
  readonly unused: readonly UnusedTensor[];
}

/** Bytes that the segments write. */
export const plannedBytes = ({ targets }: Plan): number =>
  targets.reduce((sum, { tensors }) => sum + tensors.reduce((bytes, { byteStart, byteEnd }) => bytes + byteEnd - byteStart, 0), 0);
