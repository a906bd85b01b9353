// Turns the box that a source piece and a target piece share into as few strided segments as can be.

import type { Piece } from "../layout/layout.js";

/** An axis of the shared box: how far one step goes on each side, in elements. */
export interface Step {
  readonly count: number;
  readonly source: number;
  readonly target: number;
}

export interface Overlap {
  readonly sourceOffset: number; // elements, in the source slot
  readonly targetOffset: number; // elements, in the target slot
  readonly steps: readonly Step[];
}

/** The elements that two pieces of one component share, or undefined when they share none. */
export function intersect(source: Piece, target: Piece): Overlap | undefined {
  let { offset: sourceOffset } = source;
  let { offset: targetOffset } = target;
  const steps: Step[] = [];
  for (const [axis, from] of source.axes.entries()) {
    const to = target.axes[axis];
    if (to === undefined) throw new Error("pieces of one component must have the same axes");
    const start = Math.max(from.start, to.start);
    const stop = Math.min(from.start + from.size, to.start + to.size);
    if (stop <= start) return undefined;
    sourceOffset += (start - from.start) * from.stride;
    targetOffset += (start - to.start) * to.stride;
    steps.push({ count: stop - start, source: from.stride, target: to.stride });
  }
  return { sourceOffset, targetOffset, steps };
}

/**
 * Join steps that continue each other on both sides, and put the rest in the order of the target.
 *
 * @returns outermost first; the last step is contiguous on both sides when any is
 */
export function coalesce(steps: readonly Step[]): Step[] {
  const sorted = steps.filter(({ count }) => count > 1).sort((a, b) => b.target - a.target || b.source - a.source);
  const joined: Step[] = [];
  for (const step of sorted) {
    const outer = joined.at(-1);
    if (outer !== undefined && outer.source === step.count * step.source && outer.target === step.count * step.target) {
      joined[joined.length - 1] = { count: outer.count * step.count, source: step.source, target: step.target };
    } else joined.push(step);
  }
  return joined;
}

/** Loops that a segment may nest; what is more is spelled out as segments of their own. */
export const MAX_LOOPS = 2;

export interface StridedRun {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly run: number; // elements
  readonly loops: readonly Step[];
}

/** Split an overlap into strided runs with at most MAX_LOOPS loops each, spelling out the shortest steps. */
export function toRuns({ sourceOffset, targetOffset, steps }: Overlap): StridedRun[] {
  const loops = coalesce(steps);
  const last = loops.at(-1);
  const run = last?.source === 1 && last.target === 1 ? last.count : 1;
  if (run > 1) loops.pop();
  let runs: StridedRun[] = [{ sourceOffset, targetOffset, run, loops }];
  while ((runs[0]?.loops.length ?? 0) > MAX_LOOPS) runs = runs.flatMap(spellOutShortest);
  return runs;
}

function spellOutShortest(strided: StridedRun): StridedRun[] {
  const counts = strided.loops.map(({ count }) => count);
  const at = counts.indexOf(Math.min(...counts));
  const step = strided.loops[at] as Step;
  const loops = strided.loops.filter((_, index) => index !== at);
  return Array.from({ length: step.count }, (_, index) => ({
    ...strided,
    loops,
    sourceOffset: strided.sourceOffset + index * step.source,
    targetOffset: strided.targetOffset + index * step.target,
  }));
}
