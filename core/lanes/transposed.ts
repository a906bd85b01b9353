// Transposed matrices: what lies side by side in the source lies far apart in the target, and the other way round. They are carried in
// blocks of whole source rows, so that each row is read once, and what is written at once is as long as the block is high.

import { targetLength } from "../plan/coverage.js";
import type { Loop, Segment } from "../plan/plan.js";
import type { Copy, Span, Tile } from "./tiles.js";

/** A segment whose outer loop steps to the next bytes of the source, and whose inner loop to the next of the target. */
export interface Transposed extends Segment {
  readonly loops: readonly [along: Loop, down: Loop];
}

/** Of the largest dtype; longer runs, as a permuted head's rows, are better off with their neighbours. */
const ELEMENT_BYTES = 8;

export function isTransposed(segment: Segment): segment is Transposed {
  const { loops, byteLength, cast } = segment;
  const [along, down] = loops;
  return byteLength <= ELEMENT_BYTES && along?.sourceStride === byteLength && down?.targetStride === targetLength(byteLength, cast);
}

/** Source rows [from, from + count). Unlike other loops, one of a single row stays a loop: it is still a row. */
export function rowsOf(segment: Transposed, from: number, count: number): Transposed {
  const [along, down] = segment.loops;
  return { ...movedBy(segment, down, from), loops: [along, { ...down, count }] };
}

const columnsOf = (segment: Transposed, from: number, count: number): Transposed => {
  const [along, down] = segment.loops;
  return { ...movedBy(segment, along, from), loops: [{ ...along, count }, down] };
};

const movedBy = ({ source, target, ...rest }: Transposed, { sourceStride, targetStride }: Loop, steps: number) => ({
  ...rest,
  source: { ...source, byteOffset: source.byteOffset + steps * sourceStride },
  target: { ...target, byteOffset: target.byteOffset + steps * targetStride },
});

/** @param most - bytes of a tile on either side; one element may be more */
export function* transposedTiles(segment: Transposed, most: number): Generator<Tile> {
  const [along, down] = segment.loops;
  const widest = Math.max(segment.byteLength, targetLength(segment.byteLength, segment.cast));
  const columns = Math.min(along.count, Math.max(1, Math.floor(most / widest)));
  const rows = columns < along.count ? 1 : Math.max(1, Math.floor(most / Math.max(down.sourceStride, along.count * widest)));
  for (let row = 0; row < down.count; row += rows) {
    const stretch = rowsOf(segment, row, Math.min(rows, down.count - row));
    for (let column = 0; column < along.count; column += columns)
      yield block(columnsOf(stretch, column, Math.min(columns, along.count - column)));
  }
}

/** What lies between the rows is read with them; it is little, and a read more costs more. */
function block({ source, target, byteLength, loops: [along, down], cast }: Transposed): Tile {
  const written = targetLength(byteLength, cast);
  const run = down.count * written;
  const read = (down.count - 1) * down.sourceStride + along.count * byteLength;
  const writes: Span[] = [];
  const copies: Copy[] = [];
  for (let at = 0; at < along.count; at++) {
    writes.push({ file: target.file, byteOffset: target.byteOffset + at * along.targetStride, byteLength: run });
    copies.push({ from: at * byteLength, to: at * run, byteLength, count: down.count, fromStride: down.sourceStride, toStride: written });
  }
  return { reads: [{ ...source, byteLength: read }], writes, copies, cast };
}
