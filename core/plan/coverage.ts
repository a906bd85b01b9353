// The first half of the proof: every target byte written exactly once, every source byte read exactly once.
// Works on strides alone. Strided footprints are joined where one continues another; each join keeps the multiset of bytes,
// so a tensor whose footprints join to one run from its first byte to its last is covered exactly.

import { PlanError, type PlanFault } from "../errors.js";
import { itemSize } from "../tensor/dtype.js";
import type { Plan, PlanFile, PlanTensor, Segment } from "./plan.js";

interface Repeat {
  readonly count: number;
  readonly stride: number;
}

/** The bytes that a segment touches on one side: runs of `run` bytes at every combination of its repeats, widest first. */
interface Footprint {
  readonly start: number;
  readonly run: number;
  readonly repeats: readonly Repeat[];
}

interface Side {
  readonly files: readonly PlanFile[];
  readonly gap: PlanFault;
  readonly overlap: PlanFault;
  readonly verb: string;
  readonly footprint: (segment: Segment) => { file: number; footprint: Footprint };
}

/**
 * @throws {PlanError} PLAN_GAP, PLAN_OVERLAP, PLAN_SOURCE_UNUSED, PLAN_SOURCE_REUSED, PLAN_OUT_OF_RANGE or PLAN_MALFORMED, naming the tensor
 */
export function proveCoverage(plan: Plan): void {
  plan.segments.forEach(checkForm);
  proveSide(
    plan.segments,
    { files: plan.targets, gap: "PLAN_GAP", overlap: "PLAN_OVERLAP", verb: "written", footprint: targetFootprint },
    new Set(),
  );
  const unused = new Set(plan.unused.map(({ key }) => key));
  proveSide(
    plan.segments,
    { files: plan.sources, gap: "PLAN_SOURCE_UNUSED", overlap: "PLAN_SOURCE_REUSED", verb: "read", footprint: sourceFootprint },
    unused,
  );
}

function checkForm({ byteLength, loops, cast }: Segment, index: number): void {
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  const sound =
    whole(byteLength, 1) &&
    loops.length <= 2 &&
    loops.every(({ count, sourceStride, targetStride }) => whole(count, 2) && whole(sourceStride, 1) && whole(targetStride, 1));
  if (!sound || (cast !== undefined && byteLength % itemSize(cast.from) !== 0))
    throw new PlanError("PLAN_MALFORMED", `segment ${index} is malformed`);
}

const sourceFootprint = ({ source, byteLength, loops }: Segment) => ({
  file: source.file,
  footprint: {
    start: source.byteOffset,
    run: byteLength,
    repeats: loops.map(({ count, sourceStride }) => ({ count, stride: sourceStride })),
  },
});

const targetFootprint = ({ target, byteLength, loops, cast }: Segment) => ({
  file: target.file,
  footprint: {
    start: target.byteOffset,
    run: targetLength(byteLength, cast),
    repeats: loops.map(({ count, targetStride }) => ({ count, stride: targetStride })),
  },
});

/** Bytes of a run in the target. */
export const targetLength = (byteLength: number, cast: Segment["cast"]): number =>
  cast === undefined ? byteLength : (byteLength / itemSize(cast.from)) * itemSize(cast.to);

function proveSide(segments: readonly Segment[], side: Side, unused: ReadonlySet<string>): void {
  const byTensor = side.files.map(({ tensors }) => tensors.map(() => [] as Footprint[]));
  segments.forEach((segment, index) => {
    const { file, footprint } = side.footprint(segment);
    const tensors = side.files[file]?.tensors ?? [];
    const at = tensorAt(tensors, footprint.start);
    const tensor = tensors[at];
    if (tensor === undefined || footprint.start < tensor.byteStart || lastByte(footprint) >= tensor.byteEnd) {
      const where = tensor === undefined ? `file ${side.files[file]?.path ?? file}` : `${tensor.key} in ${side.files[file]?.path}`;
      throw new PlanError(
        "PLAN_OUT_OF_RANGE",
        `segment ${index}: bytes ${footprint.start} to ${lastByte(footprint) + 1} are ${side.verb} outside ${where}`,
      );
    }
    byTensor[file]?.[at]?.push(footprint);
  });
  side.files.forEach(({ path, tensors }, file) =>
    tensors.forEach((tensor, at) => {
      const footprints = byTensor[file]?.[at] ?? [];
      if (unused.has(tensor.key) && footprints.length === 0) return;
      proveTensor(tensor, footprints, path, side);
    }),
  );
}

/** The last tensor that begins at or before an offset. */
export function tensorAt(tensors: readonly PlanTensor[], byteOffset: number): number {
  let [low, high] = [0, tensors.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((tensors[middle]?.byteStart ?? 0) <= byteOffset) low = middle;
    else high = middle - 1;
  }
  return low;
}

const lastByte = ({ start, run, repeats }: Footprint): number =>
  start + run - 1 + repeats.reduce((sum, { count, stride }) => sum + (count - 1) * stride, 0);

const size = ({ run, repeats }: Footprint): number => repeats.reduce((bytes, { count }) => bytes * count, run);

function proveTensor(tensor: PlanTensor, footprints: readonly Footprint[], path: string, side: Side): void {
  const { byteStart, byteEnd, key } = tensor;
  if (byteEnd === byteStart && footprints.length === 0) return;
  const joined = joinAll(footprints);
  const [only] = joined;
  if (joined.length === 1 && only?.repeats.length === 0 && only.start === byteStart && only.run === byteEnd - byteStart) return;
  const total = footprints.reduce((sum, footprint) => sum + size(footprint), 0);
  const expected = byteEnd - byteStart;
  const fault = total > expected || (total === expected && footprints.length > 0) ? side.overlap : side.gap;
  const what = fault === side.gap ? `bytes never ${side.verb}` : `bytes ${side.verb} more than once`;
  throw new PlanError(
    fault,
    `${key} in ${path}: ${what}: expected ${expected} bytes, each once, found ${total}; first at byte ${firstFault(joined, byteStart)} of the file`,
  );
}

/** Where the joined footprints first leave off: exact for plain runs, near for strided ones. */
function firstFault(joined: readonly Footprint[], byteStart: number): number {
  let position = byteStart;
  for (const { start, run, repeats } of [...joined].sort((a, b) => a.start - b.start)) {
    if (start !== position || repeats.length > 0) return Math.min(start, position);
    position = start + run;
  }
  return position;
}

/** Beyond any tensor's heads; a plan that is stuck with more than these is wrong. */
const MAX_UNFOLDED = 10_000;

/** Join footprints until none continues another, then those whose repeats are spelled out, widest first. */
function joinAll(footprints: readonly Footprint[]): Footprint[] {
  let current = footprints.map(normal);
  for (;;) {
    const next = joinNeighbours(current);
    const unfolded = next.length === current.length ? unfoldWidest(next) : next;
    if (unfolded === undefined) return next;
    current = unfolded;
  }
}

/** What is joined group by group may be copied group by group here and in one strided step there: the same bytes in two forms. */
function unfoldWidest(footprints: readonly Footprint[]): Footprint[] | undefined {
  const widest = Math.max(0, ...footprints.map(({ repeats }) => repeats[0]?.stride ?? 0));
  const unfolded = footprints.reduce((sum, { repeats: [outer] }) => sum + (outer?.stride === widest ? outer.count : 1), 0);
  if (widest === 0 || footprints.length === 1 || unfolded > MAX_UNFOLDED) return undefined;
  return footprints.flatMap((footprint) => {
    const [outer, ...inner] = footprint.repeats;
    if (outer === undefined || outer.stride !== widest) return [footprint];
    return Array.from({ length: outer.count }, (_, at) => ({ ...footprint, start: footprint.start + at * widest, repeats: inner }));
  });
}

function joinNeighbours(footprints: readonly Footprint[]): Footprint[] {
  const groups = new Map<string, Footprint[]>();
  for (const footprint of footprints) {
    const form = footprint.repeats.map(({ count, stride }) => `${count}x${stride}`).join(" ");
    const group = groups.get(form);
    if (group === undefined) groups.set(form, [footprint]);
    else group.push(footprint);
  }
  return [...groups.values()].flatMap((group) => {
    const joined: Footprint[] = [];
    for (const footprint of group.sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last !== undefined && last.start + last.run === footprint.start)
        joined[joined.length - 1] = { ...last, run: last.run + footprint.run };
      else joined.push(footprint);
    }
    return joined.map(normal);
  });
}

/** The same bytes with as few repeats as can be: a repeat whose stride is what is inside it is just a longer run. */
function normal({ start, run, repeats }: Footprint): Footprint {
  let length = run;
  const kept: Repeat[] = [];
  for (const repeat of [...repeats].filter(({ count }) => count > 1).sort((a, b) => a.stride - b.stride)) {
    const inner = kept.at(-1);
    if (inner === undefined && repeat.stride === length) length *= repeat.count;
    else if (inner !== undefined && repeat.stride === inner.count * inner.stride)
      kept[kept.length - 1] = { count: inner.count * repeat.count, stride: inner.stride };
    else kept.push(repeat);
  }
  return { start, run: length, repeats: kept.reverse() };
}
