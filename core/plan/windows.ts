// Cuts a segment into windows that fit a buffer on both sides, in the order of its loops. Whoever moves or compares bytes walks these.

import { targetLength } from "./coverage.js";
import type { Loop, Segment } from "./plan.js";

/** Runs of a segment that follow each other; offsets are in bytes of the two files. */
export interface Window {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly runs: number;
  readonly sourceRun: number; // bytes
  readonly targetRun: number; // bytes
  readonly sourceStride: number;
  readonly targetStride: number;
}

/** Bytes from a window's first to its last on each side. */
export const sourceSpan = ({ runs, sourceStride, sourceRun }: Window): number => (runs - 1) * sourceStride + sourceRun;
export const targetSpan = ({ runs, targetStride, targetRun }: Window): number => (runs - 1) * targetStride + targetRun;

const ONCE: Loop = { count: 1, sourceStride: 0, targetStride: 0 };

/**
 * @param spanBytes - no window spans more on either side, save that it has at least one element; a multiple of 8
 */
export function* windowsOf(segment: Segment, spanBytes: number): Generator<Window> {
  const [outer = ONCE, inner = ONCE] = segment.loops.length === 2 ? segment.loops : [undefined, segment.loops[0]];
  for (let step = 0; step < outer.count; step++) {
    const source = segment.source.byteOffset + step * outer.sourceStride;
    const target = segment.target.byteOffset + step * outer.targetStride;
    if (segment.byteLength > spanBytes) yield* longRuns(segment, inner, source, target, spanBytes);
    else yield* shortRuns(segment, inner, source, target, spanBytes);
  }
}

/** Each run in pieces. */
function* longRuns({ byteLength, cast }: Segment, loop: Loop, source: number, target: number, spanBytes: number): Generator<Window> {
  for (let run = 0; run < loop.count; run++) {
    for (let done = 0; done < byteLength; done += spanBytes) {
      const sourceRun = Math.min(spanBytes, byteLength - done);
      yield {
        sourceOffset: source + run * loop.sourceStride + done,
        targetOffset: target + run * loop.targetStride + targetLength(done, cast),
        runs: 1,
        sourceRun,
        targetRun: targetLength(sourceRun, cast),
        sourceStride: 0,
        targetStride: 0,
      };
    }
  }
}

/** As many runs at once as fit. */
function* shortRuns({ byteLength, cast }: Segment, loop: Loop, source: number, target: number, spanBytes: number): Generator<Window> {
  const { count, sourceStride, targetStride } = loop;
  const targetRun = targetLength(byteLength, cast);
  const fitting = (run: number, stride: number) => Math.floor((spanBytes - run) / Math.max(1, stride)) + 1;
  const atOnce = Math.max(1, Math.min(fitting(byteLength, sourceStride), fitting(targetRun, targetStride)));
  for (let first = 0; first < count; first += atOnce) {
    yield {
      sourceOffset: source + first * sourceStride,
      targetOffset: target + first * targetStride,
      runs: Math.min(atOnce, count - first),
      sourceRun: byteLength,
      targetRun,
      sourceStride,
      targetStride,
    };
  }
}
