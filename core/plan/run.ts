// Executes a plan, one target tensor window at a time: correct first. Runs inside a window are gathered from one read of
// the source span where that is worth it, and written with one write.

import { CancelledError } from "../errors.js";
import type { ReadableFile, Store, WritableFile } from "../store/store.js";
import { castRun } from "../tensor/cast.js";
import { itemSize } from "../tensor/dtype.js";
import type { Plan, Segment } from "./plan.js";

/** One read of the source holds at most this much. */
const SPAN_BYTES = 8 * 1024 * 1024;

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: { bytes: number }) => void) | undefined;
}

/**
 * Copy every segment of a plan. The target files must exist with their headers written.
 *
 * @param sources - absolute paths of the plan's sources, in order
 * @throws {StorageError | CancelledError}
 */
export async function runPlan(
  plan: Plan,
  store: Store,
  sources: readonly string[],
  targets: readonly WritableFile[],
  options: RunOptions = {},
): Promise<void> {
  const open = new Map<number, ReadableFile>();
  let bytes = 0;
  try {
    for (const segment of plan.segments) {
      if (options.signal?.aborted === true) throw new CancelledError("cancelled; nothing was published");
      const file = open.get(segment.source.file) ?? (await store.open(sources[segment.source.file] ?? ""));
      open.set(segment.source.file, file);
      await copySegment(segment, file, targets[segment.target.file] as WritableFile);
      bytes += segment.byteLength * segment.loops.reduce((runs, { count }) => runs * count, 1);
      options.onProgress?.({ bytes });
    }
  } finally {
    for (const file of open.values()) await file.close();
  }
}

/** A segment's inner loop (or its one run) in pieces whose source span fits the buffer. */
async function copySegment(segment: Segment, from: ReadableFile, to: WritableFile): Promise<void> {
  const [outer, inner] = segment.loops.length === 2 ? segment.loops : [undefined, segment.loops[0]];
  for (let i = 0; i < (outer?.count ?? 1); i++) {
    const source = segment.source.byteOffset + i * (outer?.sourceStride ?? 0);
    const target = segment.target.byteOffset + i * (outer?.targetStride ?? 0);
    await copyRuns(segment, inner ?? { count: 1, sourceStride: 0, targetStride: 0 }, source, target, from, to);
  }
}

async function copyRuns(
  segment: Segment,
  loop: Segment["loops"][number],
  source: number,
  target: number,
  from: ReadableFile,
  to: WritableFile,
): Promise<void> {
  const perRead = loop.sourceStride === 0 ? 1 : Math.max(1, Math.floor((SPAN_BYTES - segment.byteLength) / loop.sourceStride) + 1);
  for (let first = 0; first < loop.count; first += perRead) {
    const runs = Math.min(perRead, loop.count - first);
    if (runs === 1) await copyRun(segment, source + first * loop.sourceStride, target + first * loop.targetStride, from, to);
    else {
      const span = new Uint8Array((runs - 1) * loop.sourceStride + segment.byteLength);
      await from.read(span, source + first * loop.sourceStride);
      await writeRuns(segment, loop, span, runs, target + first * loop.targetStride, to);
    }
  }
}

/** Adjacent target runs leave in one write; spread ones each in its own. */
async function writeRuns(
  segment: Segment,
  loop: Segment["loops"][number],
  span: Uint8Array,
  runs: number,
  target: number,
  to: WritableFile,
): Promise<void> {
  const pieces = Array.from({ length: runs }, (_, run) =>
    converted(segment, span.subarray(run * loop.sourceStride, run * loop.sourceStride + segment.byteLength)),
  );
  if (loop.targetStride === pieces[0]?.byteLength) return to.write(Buffer.concat(pieces), target);
  for (const [run, piece] of pieces.entries()) await to.write(piece, target + run * loop.targetStride);
}

async function copyRun(segment: Segment, source: number, target: number, from: ReadableFile, to: WritableFile): Promise<void> {
  const scale = segment.cast === undefined ? 1 : itemSize(segment.cast.to) / itemSize(segment.cast.from);
  for (let done = 0; done < segment.byteLength; done += SPAN_BYTES) {
    const piece = new Uint8Array(Math.min(SPAN_BYTES, segment.byteLength - done));
    await from.read(piece, source + done);
    await to.write(converted(segment, piece), target + done * scale);
  }
}

const converted = ({ cast }: Segment, run: Uint8Array): Uint8Array => (cast === undefined ? run : castRun(run, cast.from, cast.to));
