// The parameters check: every element of every tensor of A against its place in B, whatever the two layouts are.

import type { Architecture } from "../architecture/architecture.js";
import { CancelledError, UnsupportedError } from "../errors.js";
import { type BoundSlot, compile } from "../plan/compile.js";
import type { PlanFile, Segment } from "../plan/plan.js";
import { sourceSpan, targetSpan, windowsOf } from "../plan/windows.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
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
  /** B has A's values, rounded to B's dtype. */
  readonly rounded: readonly string[];
}

export interface CompareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every read with the bytes of A compared so far. */
  readonly onCompared?: ((bytes: number) => void) | undefined;
}

type Finding = "equal" | "different" | "missing" | "otherDtype" | "rounded";

/** One read on either side holds at most this much. */
const SPAN_BYTES = 8 * 1024 * 1024;

/**
 * @param extra - tensors that only B stores
 * @throws {StorageError | CancelledError}
 */
export async function compareParameters(
  store: Store,
  architecture: Architecture,
  a: VerifySide,
  b: VerifySide,
  extra: readonly string[],
  options: CompareOptions = {},
): Promise<ParametersReport> {
  const report: Record<Finding, string[]> = { equal: [], different: [], missing: [], otherDtype: [], rounded: [] };
  const [from, to] = [byComponent(a.slots), byComponent(b.slots)];
  const comparison = new Comparison(openFiles(store, a), openFiles(store, b), options);
  try {
    for (const [index, { name, shape }] of architecture.components.entries()) {
      const [source, target] = [from.get(index) ?? [], to.get(index) ?? []];
      const { segments } = compile({ architecture, sources: a.files, source, targets: b.files, target, unused: [] });
      const expectedBytes = numElements(shape) * itemSize(source[0]?.dtype ?? "U8");
      report[await comparison.compare(segments, expectedBytes)].push(name);
    }
  } finally {
    await comparison.close();
  }
  return { ...report, extra };
}

const openFiles = (store: Store, { files }: VerifySide): OpenFiles =>
  new OpenFiles(
    store,
    files.map(({ path }) => path),
  );

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

const segmentBytes = ({ loops, byteLength }: Segment): number => loops.reduce((bytes, { count }) => bytes * count, byteLength);

class Comparison {
  private compared = 0;

  constructor(
    private readonly a: OpenFiles,
    private readonly b: OpenFiles,
    private readonly options: CompareOptions,
  ) {}

  async compare(segments: readonly Segment[], expectedBytes: number): Promise<Finding> {
    if (segments.reduce((sum, segment) => sum + segmentBytes(segment), 0) !== expectedBytes) return "missing";
    let possible: Sameness = { values: true, rounded: true };
    for (const segment of segments) {
      possible = await this.compareSegment(segment, possible);
      if (!possible.values && !possible.rounded) return "different";
    }
    if (segments.every(({ cast }) => cast === undefined)) return "equal";
    return possible.values ? "otherDtype" : "rounded";
  }

  private async compareSegment(segment: Segment, before: Sameness): Promise<Sameness> {
    let possible = before;
    for (const window of windowsOf(segment, SPAN_BYTES)) {
      if (this.options.signal?.aborted === true) throw new CancelledError("cancelled while comparing; nothing was written");
      const mine = await this.a.read(segment.source.file, window.sourceOffset, sourceSpan(window));
      const theirs = await this.b.read(segment.target.file, window.targetOffset, targetSpan(window));
      for (let run = 0; run < window.runs; run++) {
        const left = mine.subarray(run * window.sourceStride, run * window.sourceStride + window.sourceRun);
        const right = theirs.subarray(run * window.targetStride, run * window.targetStride + window.targetRun);
        possible = stillSame(left, right, segment.cast, possible);
        if (!possible.values && !possible.rounded) return possible;
      }
      this.compared += window.runs * window.sourceRun;
      this.options.onCompared?.(this.compared);
    }
    return possible;
  }

  async close(): Promise<void> {
    await this.a.close();
    await this.b.close();
  }
}

/** What all runs so far have in common. */
interface Sameness {
  readonly values: boolean;
  readonly rounded: boolean;
}

function stillSame(left: Uint8Array, right: Uint8Array, cast: Segment["cast"], { values, rounded }: Sameness): Sameness {
  if (cast === undefined) {
    const isSame = Buffer.compare(left, right) === 0;
    return { values: isSame, rounded: isSame };
  }
  return {
    values: values && Buffer.compare(castRun(left, cast.from, "F32"), castRun(right, cast.to, "F32")) === 0,
    rounded: rounded && isRounded(left, right, cast),
  };
}

function isRounded(left: Uint8Array, right: Uint8Array, { from, to }: NonNullable<Segment["cast"]>): boolean {
  try {
    return Buffer.compare(castRun(left, from, to), right) === 0;
  } catch (error) {
    if (error instanceof UnsupportedError) return false; // a value that B's dtype cannot hold is not in B
    throw error;
  }
}
