// The parameters check: every element of every tensor of A against its place in B, whatever the two layouts are.

import type { Architecture } from "../architecture/architecture.js";
import { CancelledError } from "../errors.js";
import type { BoundSlot } from "../plan/compile.js";
import { compile } from "../plan/compile.js";
import { targetLength } from "../plan/coverage.js";
import type { Loop, PlanFile, Segment } from "../plan/plan.js";
import type { ReadableFile, Store } from "../store/store.js";
import { castRun } from "../tensor/cast.js";
import { itemSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";

/** One side of the comparison. */
export interface VerifySide {
  readonly files: readonly PlanFile[];
  readonly slots: readonly BoundSlot[];
}

/** Hugging Face tensor names, by what was found. */
export interface ParametersReport {
  readonly equal: readonly string[];
  readonly different: readonly string[];
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  /** Equal values in another dtype. */
  readonly otherDtype: readonly string[];
}

type Finding = "equal" | "different" | "missing" | "otherDtype";

/** @param extra - tensors that only B stores */
export async function compareParameters(
  store: Store,
  architecture: Architecture,
  a: VerifySide,
  b: VerifySide,
  extra: readonly string[],
  signal?: AbortSignal,
): Promise<ParametersReport> {
  const report: Record<Finding, string[]> = { equal: [], different: [], missing: [], otherDtype: [] };
  const [files, others] = [new OpenFiles(store, a.files), new OpenFiles(store, b.files)];
  const [from, to] = [byComponent(a.slots), byComponent(b.slots)];
  try {
    for (const [index, { name, shape }] of architecture.components.entries()) {
      if (signal?.aborted === true) throw new CancelledError("cancelled; nothing was published");
      const { segments } = compile({
        architecture,
        sources: a.files,
        source: from.get(index) ?? [],
        targets: b.files,
        target: to.get(index) ?? [],
        unused: [],
      });
      report[await compareComponent(segments, numElements(shape), files, others, from.get(index))].push(name);
    }
  } finally {
    await files.close();
    await others.close();
  }
  return { ...report, extra };
}

/** Slots with only the one component's piece in each. */
function byComponent(slots: readonly BoundSlot[]): Map<number, BoundSlot[]> {
  const found = new Map<number, BoundSlot[]>();
  for (const bound of slots) {
    for (const piece of bound.slot.pieces) {
      const alone = { ...bound, slot: { ...bound.slot, pieces: [piece] } };
      found.set(piece.component, [...(found.get(piece.component) ?? []), alone]);
    }
  }
  return found;
}

class OpenFiles {
  private readonly open = new Map<number, ReadableFile>();
  constructor(
    private readonly store: Store,
    private readonly files: readonly PlanFile[],
  ) {}

  async read(file: number, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const handle = this.open.get(file) ?? (await this.store.open(this.files[file]?.path ?? ""));
    this.open.set(file, handle);
    const bytes = new Uint8Array(byteLength);
    await handle.read(bytes, byteOffset);
    return bytes;
  }

  async close(): Promise<void> {
    for (const handle of this.open.values()) await handle.close();
  }
}

async function compareComponent(
  segments: readonly Segment[],
  expected: number,
  a: OpenFiles,
  b: OpenFiles,
  source: readonly BoundSlot[] | undefined,
): Promise<Finding> {
  const covered = segments.reduce((sum, { loops, byteLength }) => sum + loops.reduce((bytes, { count }) => bytes * count, byteLength), 0);
  if (covered !== expected * itemSize(source?.[0]?.dtype ?? "U8")) return "missing";
  for (const segment of segments) if (!(await compareSegment(segment, a, b))) return "different";
  return segments.every(({ cast }) => cast === undefined) ? "equal" : "otherDtype";
}

/** One read on either side holds at most about this much. */
const SPAN_BYTES = 8 * 1024 * 1024;

async function compareSegment(segment: Segment, a: OpenFiles, b: OpenFiles): Promise<boolean> {
  const [outer, inner] = segment.loops.length === 2 ? (segment.loops as [Loop, Loop]) : [undefined, segment.loops[0]];
  for (let i = 0; i < (outer?.count ?? 1); i++) {
    const source = segment.source.byteOffset + i * (outer?.sourceStride ?? 0);
    const target = segment.target.byteOffset + i * (outer?.targetStride ?? 0);
    if (!(await compareRuns(segment, inner ?? { count: 1, sourceStride: 1, targetStride: 1 }, source, target, a, b))) return false;
  }
  return true;
}

async function compareRuns(segment: Segment, loop: Loop, source: number, target: number, a: OpenFiles, b: OpenFiles): Promise<boolean> {
  const runs = targetLength(segment.byteLength, segment.cast);
  const perRead = Math.max(1, Math.floor(SPAN_BYTES / Math.max(loop.sourceStride, loop.targetStride)));
  for (let first = 0; first < loop.count; first += loop.count === 1 ? 1 : perRead) {
    const count = Math.min(perRead, loop.count - first);
    const mine = await a.read(
      segment.source.file,
      source + first * loop.sourceStride,
      (count - 1) * loop.sourceStride + segment.byteLength,
    );
    const theirs = await b.read(segment.target.file, target + first * loop.targetStride, (count - 1) * loop.targetStride + runs);
    for (let run = 0; run < count; run++) {
      const left = mine.subarray(run * loop.sourceStride, run * loop.sourceStride + segment.byteLength);
      const right = theirs.subarray(run * loop.targetStride, run * loop.targetStride + runs);
      if (!sameValues(left, right, segment.cast)) return false;
    }
  }
  return true;
}

function sameValues(left: Uint8Array, right: Uint8Array, cast: Segment["cast"]): boolean {
  if (cast === undefined) return Buffer.compare(left, right) === 0;
  return Buffer.compare(castRun(left, cast.from, "F32"), castRun(right, cast.to, "F32")) === 0;
}
