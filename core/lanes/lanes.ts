// Orders a plan's work for whoever moves or compares its bytes. Segments that share bytes on either side go together, so that a
// strided slice is read once for all ranks and a permuted head is written once. A lane is what one worker does alone.

import { targetLength } from "../plan/coverage.js";
import type { Loop, Segment } from "../plan/plan.js";
import { isTransposed, rowsOf, type Transposed } from "./transposed.js";

/** Segments of one outermost count; none has a byte in another lane's way. */
export interface Lane {
  readonly members: readonly Segment[];
  /** That its members write. */
  readonly byteLength: number;
}

/** A worker's share: small enough to spread over many, large enough to be worth a line in a journal. */
const LANE_BYTES = 16 * 1024 * 1024;

/** Bytes that a segment writes. */
export const segmentBytes = ({ loops, byteLength, cast }: Segment): number =>
  loops.reduce((bytes, { count }) => bytes * count, targetLength(byteLength, cast));

/** Bytes from a segment's first to its last on each side. */
export const sourceHull = ({ loops, byteLength }: Segment): number =>
  loops.reduce((hull, { count, sourceStride }) => hull + (count - 1) * sourceStride, byteLength);
export const targetHull = ({ loops, byteLength, cast }: Segment): number =>
  loops.reduce((hull, { count, targetStride }) => hull + (count - 1) * targetStride, targetLength(byteLength, cast));

/** Pure, and the same for the same segments: a journal names lanes by their numbers. */
export function lanesOf(segments: readonly Segment[], laneBytes = LANE_BYTES): Lane[] {
  const plain = mergePlain(segments.filter(({ loops }) => loops.length === 0));
  const looped = together(segments.filter(({ loops }) => loops.length > 0));
  const groups = [...plain.map((segment) => [segment]), ...looped].sort(([a], [b]) => byTarget(a, b));
  return groups
    .flatMap((members) => split(members, laneBytes))
    .map((members) => ({ members, byteLength: members.reduce((sum, member) => sum + segmentBytes(member), 0) }));
}

const byTarget = (a: Segment | undefined, b: Segment | undefined): number =>
  (a?.target.file ?? 0) - (b?.target.file ?? 0) || (a?.target.byteOffset ?? 0) - (b?.target.byteOffset ?? 0);

/** Plain runs that continue each other on both sides become one. */
function mergePlain(segments: readonly Segment[]): Segment[] {
  const merged: Segment[] = [];
  for (const segment of [...segments].sort(byTarget)) {
    const last = merged.at(-1);
    if (last !== undefined && continues(last, segment))
      merged[merged.length - 1] = { ...last, byteLength: last.byteLength + segment.byteLength };
    else merged.push(segment);
  }
  return merged;
}

const continues = (a: Segment, b: Segment): boolean =>
  a.cast === undefined &&
  b.cast === undefined &&
  a.source.file === b.source.file &&
  a.target.file === b.target.file &&
  a.source.byteOffset + a.byteLength === b.source.byteOffset &&
  a.target.byteOffset + a.byteLength === b.target.byteOffset;

/** Groups of segments whose hulls overlap on a side, directly or through others, and that can advance step by step together. */
function together(segments: readonly Segment[]): Segment[][] {
  const parent = segments.map((_, at) => at);
  const rootOf = (at: number): number => {
    let root = at;
    while (parent[root] !== root) root = parent[root] ?? root;
    parent[at] = root;
    return root;
  };
  const sides = [
    (segment: Segment) => ({ ...segment.source, hull: sourceHull(segment) }),
    (segment: Segment) => ({ ...segment.target, hull: targetHull(segment) }),
  ];
  for (const side of sides) {
    const sorted = segments.map((segment, at) => ({ at, form: formOf(segment), ...side(segment) }));
    sorted.sort((a, b) => a.file - b.file || compareText(a.form, b.form) || a.byteOffset - b.byteOffset);
    let last: (typeof sorted)[number] | undefined;
    let end = 0;
    for (const entry of sorted) {
      const overlaps = last !== undefined && last.file === entry.file && last.form === entry.form && entry.byteOffset < end;
      if (overlaps && last !== undefined) parent[rootOf(entry.at)] = rootOf(last.at);
      end = Math.max(overlaps ? end : 0, entry.byteOffset + entry.hull);
      last = entry;
    }
  }
  const groups = new Map<number, Segment[]>();
  segments.forEach((segment, at) => {
    const group = groups.get(rootOf(at));
    if (group === undefined) groups.set(rootOf(at), [segment]);
    else group.push(segment);
  });
  return [...groups.values()];
}

const formOf = ({ loops: [outer], cast }: Segment): string => `${outer?.count} ${cast?.from} ${cast?.to}`;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Cut a group along its steps, or a plain run along its bytes, into shares of about `laneBytes`. */
function split(members: readonly Segment[], laneBytes: number): (readonly Segment[])[] {
  const [first] = members;
  const bytes = members.reduce((sum, member) => sum + segmentBytes(member), 0);
  const shares = Math.ceil(bytes / laneBytes);
  if (first === undefined || shares <= 1) return [members];
  if (members.every(isTransposed)) return members.flatMap((member) => splitRows(member, shares));
  const outer = first.loops[0];
  if (outer === undefined) return members.flatMap((member) => pieces(member, laneBytes).map((piece) => [piece]));
  const steps = Math.max(1, Math.floor(outer.count / shares));
  const parts: Segment[][] = [];
  for (let from = 0; from < outer.count; from += steps)
    parts.push(members.map((member) => stepsOf(member, from, Math.min(steps, outer.count - from))));
  return parts;
}

function splitRows(segment: Transposed, shares: number): Segment[][] {
  const { count } = segment.loops[1];
  const rows = Math.max(1, Math.ceil(count / shares));
  return Array.from({ length: Math.ceil(count / rows) }, (_, part) => [rowsOf(segment, part * rows, Math.min(rows, count - part * rows))]);
}

/**
 * A plain run in pieces of at most `byteLength` source bytes, a multiple of 8. Without a cast they are cut where the target file is at
 * a multiple of it: there the system's cache takes a piece as one run of memory.
 */
export function pieces(segment: Segment, byteLength: number): Segment[] {
  const { source, target, cast } = segment;
  const found: Segment[] = [];
  const ahead = cast === undefined ? target.byteOffset % byteLength : 0;
  for (let start = 0, end = byteLength - ahead; start < segment.byteLength; start = end, end += byteLength) {
    found.push({
      ...segment,
      source: { ...source, byteOffset: source.byteOffset + start },
      target: { ...target, byteOffset: target.byteOffset + targetLength(start, cast) },
      byteLength: Math.min(end, segment.byteLength) - start,
    });
  }
  return found;
}

/** Steps [from, from + count) of a segment's outermost loop. */
export function stepsOf(segment: Segment, from: number, count: number): Segment {
  const [outer, ...inner] = segment.loops as [Loop, ...Loop[]];
  return {
    ...segment,
    source: { ...segment.source, byteOffset: segment.source.byteOffset + from * outer.sourceStride },
    target: { ...segment.target, byteOffset: segment.target.byteOffset + from * outer.targetStride },
    loops: count === 1 ? inner : [{ ...outer, count }, ...inner],
  };
}
