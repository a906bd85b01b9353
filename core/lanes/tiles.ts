// Cuts a lane into tiles: what is read at once, how it is put together, and what is then written at once. Sizes are bounded, and
// every read and write is as long as it can be.

import { targetLength } from "../plan/coverage.js";
import type { Segment } from "../plan/plan.js";
import { type Lane, pieces, sourceHull, stepsOf, targetHull } from "./lanes.js";
import { isTransposed, transposedTiles } from "./transposed.js";

/** Consecutive bytes of one file. */
export interface Span {
  readonly file: number; // index into the plan's sources or targets
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Runs from the tile's source bytes to its target bytes; offsets are in its spans, laid end to end. */
export interface Copy {
  readonly from: number;
  readonly to: number;
  readonly byteLength: number; // of one run, in the source
  readonly count: number;
  readonly fromStride: number;
  readonly toStride: number;
}

export interface Tile {
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
  /** None when what is read is what is written. */
  readonly copies: readonly Copy[];
  readonly cast: Segment["cast"];
}

/** Measured on two and sixteen cores, see test/bench/README.md: larger tiles leave the processor's caches, smaller ones cost calls. */
const TILE_BYTES = 1024 * 1024;
const PLAIN_TILE_BYTES = 512 * 1024;
/** A tile of one step may be larger, up to this. */
export const MAX_TILE_BYTES = 4 * TILE_BYTES;

/** In bytes, multiples of 8. */
export interface TileLimits {
  /** Of what is copied as it is. */
  readonly plain: number;
  readonly usual: number;
  readonly most: number;
}

const LIMITS: TileLimits = { plain: PLAIN_TILE_BYTES, usual: TILE_BYTES, most: MAX_TILE_BYTES };

export const tilesOf = ({ members }: Lane, limits = LIMITS): Generator<Tile> => tilesOfMembers(members, limits);

function* tilesOfMembers(members: readonly Segment[], limits: TileLimits): Generator<Tile> {
  if (members.every(isTransposed)) {
    for (const member of members) yield* transposedTiles(member, limits.most);
    return;
  }
  const outer = members[0]?.loops[0];
  if (outer === undefined) {
    for (const member of members) {
      if (member.cast === undefined) for (const piece of pieces(member, limits.plain)) yield plainTile(piece);
      else for (const piece of pieces(member, limits.usual)) yield tileOf([piece]);
    }
    return;
  }
  const steps = stepsAtOnce(members, outer.count, limits);
  if (steps > 0) {
    for (let from = 0; from < outer.count; from += steps) {
      yield tileOf(members.map((member) => stepsOf(member, from, Math.min(steps, outer.count - from))));
    }
    return;
  }
  // One step alone is too large: then without company, and then step by step.
  if (members.length > 1) for (const member of members) yield* tilesOfMembers([member], limits);
  else
    for (const member of members) for (let step = 0; step < outer.count; step++) yield* tilesOfMembers([stepsOf(member, step, 1)], limits);
}

const plainTile = (piece: Segment): Tile => ({ reads: [sourceSpan(piece)], writes: [targetSpan(piece)], copies: [], cast: undefined });

/** How many steps of a group fit a tile; 0 when not even one does. */
function stepsAtOnce(members: readonly Segment[], count: number, { usual, most }: TileLimits): number {
  const bytes = (steps: number) => {
    const parts = members.map((member) => stepsOf(member, 0, steps));
    return Math.max(total(mergeSpans(parts.map(sourceSpan))), total(mergeSpans(parts.map(targetSpan))));
  };
  if (bytes(1) > most) return 0;
  if (count === 1 || bytes(2) > usual) return 1;
  const perStep = bytes(2) - bytes(1);
  const guess = Math.max(1, Math.min(count, Math.floor((usual - bytes(1)) / Math.max(1, perStep)) + 1));
  return bytes(guess) <= most ? guess : 1;
}

const sourceSpan = (segment: Segment): Span => ({ ...segment.source, byteLength: sourceHull(segment) });
const targetSpan = (segment: Segment): Span => ({ ...segment.target, byteLength: targetHull(segment) });
const total = (spans: readonly Span[]): number => spans.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Overlapping and touching spans joined. */
function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.file - b.file || a.byteOffset - b.byteOffset)) {
    const last = merged.at(-1);
    const end = span.byteOffset + span.byteLength;
    if (last === undefined || last.file !== span.file || last.byteOffset + last.byteLength < span.byteOffset) merged.push(span);
    else merged[merged.length - 1] = { ...last, byteLength: Math.max(last.byteLength, end - last.byteOffset) };
  }
  return merged;
}

function tileOf(members: readonly Segment[]): Tile {
  const cast = members[0]?.cast;
  const reads = mergeSpans(members.map(sourceSpan));
  const hulls = mergeSpans(members.map(targetSpan));
  const runs = members.flatMap(runsOf);
  const written = runs.reduce((sum, { count, byteLength }) => sum + count * targetLength(byteLength, cast), 0);
  // Hulls with holes would write over what is not this tile's: then every run is written by itself.
  const writes = written === total(hulls) ? hulls : mergeSpans(runs.flatMap((run) => targetRuns(run, cast)));
  const isPlain = members.length === 1 && members[0]?.loops.length === 0 && cast === undefined;
  return { reads, writes, copies: isPlain ? [] : copiesOf(runs, reads, writes, cast), cast };
}

/** A segment as single loops of runs, by place in the files. */
interface Runs {
  readonly source: Segment["source"];
  readonly target: Segment["target"];
  readonly byteLength: number;
  readonly count: number;
  readonly sourceStride: number;
  readonly targetStride: number;
}

function runsOf(segment: Segment): Runs[] {
  const { source, target, byteLength, loops } = segment;
  if (loops.length === 2) return Array.from({ length: loops[0]?.count ?? 0 }, (_, step) => stepsOf(segment, step, 1)).flatMap(runsOf);
  const { count = 1, sourceStride = 0, targetStride = 0 } = loops[0] ?? {};
  return [{ source, target, byteLength, count, sourceStride, targetStride }];
}

const targetRuns = ({ target, byteLength, count, targetStride }: Runs, cast: Segment["cast"]): Span[] =>
  Array.from({ length: count }, (_, run) => ({
    file: target.file,
    byteOffset: target.byteOffset + run * targetStride,
    byteLength: targetLength(byteLength, cast),
  }));

function copiesOf(runs: readonly Runs[], reads: readonly Span[], writes: readonly Span[], cast: Segment["cast"]): Copy[] {
  const [inReads, inWrites] = [placesIn(reads), placesIn(writes)];
  return runs.flatMap((run) => {
    const { source, target, byteLength, count, sourceStride, targetStride } = run;
    const whole = {
      file: target.file,
      byteOffset: target.byteOffset,
      byteLength: (count - 1) * targetStride + targetLength(byteLength, cast),
    };
    const from = inReads({ ...source, byteLength: 1 }) ?? 0;
    const to = inWrites(whole);
    if (to !== undefined) return [{ from, to, byteLength, count, fromStride: sourceStride, toStride: targetStride }];
    return targetRuns(run, cast).map((span, at) => ({
      from: from + at * sourceStride,
      to: inWrites(span) ?? 0,
      byteLength,
      count: 1,
      fromStride: 0,
      toStride: 0,
    }));
  });
}

/** Finds a span's offset in spans laid end to end; undefined when no one span holds it. */
function placesIn(spans: readonly Span[]): (span: Span) => number | undefined {
  let end = 0;
  const starts = spans.map(({ byteLength }) => {
    end += byteLength;
    return end - byteLength;
  });
  return ({ file, byteOffset, byteLength }) => {
    const at = spans.findIndex(
      (span) => span.file === file && span.byteOffset <= byteOffset && byteOffset + byteLength <= span.byteOffset + span.byteLength,
    );
    const found = spans[at];
    return found === undefined ? undefined : (starts[at] ?? 0) + byteOffset - found.byteOffset;
  };
}
