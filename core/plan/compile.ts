// The plan compiler: two arrangements of one architecture's tensors become strided byte copies. Pure.

import type { Architecture } from "../architecture/architecture.js";
import type { CheckpointFile, Piece, Slot, StoredTensor, TargetFile } from "../layout/layout.js";
import { type DType, itemSize } from "../tensor/dtype.js";
import type { Plan, PlanFile, Segment, UnusedTensor } from "./plan.js";
import { intersect, toRuns } from "./strides.js";

/** A side of a plan: where each slot's bytes lie. */
export interface BoundSlot {
  readonly slot: Slot;
  readonly file: number;
  readonly dtype: DType;
  readonly byteStart: number;
}

export interface PlanRequest {
  readonly architecture: Architecture;
  readonly sources: readonly PlanFile[];
  readonly source: readonly BoundSlot[];
  readonly targets: readonly PlanFile[];
  readonly target: readonly BoundSlot[];
  readonly unused: readonly UnusedTensor[];
}

/**
 * Compile two bound arrangements of one architecture into a copy plan. Pure: reads no file.
 *
 * @returns segments sorted by target file and offset; run the proof (check.ts) before trusting them
 */
export function compile({ architecture, sources, source, targets, target, unused }: PlanRequest): Plan {
  const bySource = new Map<number, { bound: BoundSlot; piece: Piece }[]>(architecture.components.map((_, index) => [index, []]));
  for (const bound of source) for (const piece of bound.slot.pieces) bySource.get(piece.component)?.push({ bound, piece });
  const segments: Segment[] = [];
  for (const to of target) {
    for (const piece of to.slot.pieces) {
      for (const from of bySource.get(piece.component) ?? []) segments.push(...segmentsOf(from.bound, from.piece, to, piece));
    }
  }
  segments.sort((a, b) => a.target.file - b.target.file || a.target.byteOffset - b.target.byteOffset);
  return { sources, targets, segments, unused };
}

function segmentsOf(from: BoundSlot, fromPiece: Piece, to: BoundSlot, toPiece: Piece): Segment[] {
  const overlap = intersect(fromPiece, toPiece);
  if (overlap === undefined) return [];
  const [sourceItem, targetItem] = [itemSize(from.dtype), itemSize(to.dtype)];
  return toRuns(overlap).map(({ sourceOffset, targetOffset, run, loops }) => ({
    source: { file: from.file, byteOffset: from.byteStart + sourceOffset * sourceItem },
    target: { file: to.file, byteOffset: to.byteStart + targetOffset * targetItem },
    byteLength: run * sourceItem,
    loops: loops.map(({ count, source, target }) => ({ count, sourceStride: source * sourceItem, targetStride: target * targetItem })),
    ...(from.dtype === to.dtype ? {} : { cast: { from: from.dtype, to: to.dtype } }),
  }));
}

/** A checkpoint's files as a side of a plan. */
export function filesOf(files: readonly CheckpointFile[], tensors: Iterable<StoredTensor>): PlanFile[] {
  const byFile = files.map(({ path, byteLength }) => ({ path, byteLength, tensors: [] as StoredTensor[] }));
  for (const tensor of tensors) byFile[tensor.file]?.tensors.push(tensor);
  return byFile.map(({ path, byteLength, tensors: found }) => ({
    path,
    byteLength,
    tensors: found
      .sort((a, b) => a.byteStart - b.byteStart)
      .map(({ key, name, dtype, shape, byteStart, byteEnd }) => ({ key, name, dtype, shape, byteStart, byteEnd })),
  }));
}

/** Slots bound to the tensors that a checkpoint stores; slots it lacks are left out. */
export function bindStored(slots: readonly Slot[], tensors: ReadonlyMap<string, StoredTensor>): BoundSlot[] {
  return slots.flatMap((slot) => {
    const stored = tensors.get(slot.key);
    return stored === undefined ? [] : [{ slot, file: stored.file, dtype: stored.dtype, byteStart: stored.byteStart }];
  });
}

/** Slots bound to the files of a new checkpoint. */
export function bindTarget(slots: readonly Slot[], files: readonly TargetFile[]): BoundSlot[] {
  const byKey = new Map(slots.map((slot) => [slot.key, slot]));
  return files.flatMap(({ tensors }, file) =>
    tensors.flatMap(({ key, dtype, byteStart }) => {
      const slot = byKey.get(key);
      return slot === undefined ? [] : [{ slot, file, dtype, byteStart }];
    }),
  );
}

/** A new checkpoint's files as a side of a plan. */
export const planFilesOf = (files: readonly TargetFile[]): PlanFile[] =>
  files.map(({ path, byteLength, tensors }) => ({ path, byteLength, tensors }));
