// Compares lanes: every element of A against its place in B.

import { CancelledError, UnsupportedError } from "../errors.js";
import { targetLength } from "../plan/coverage.js";
import type { Segment } from "../plan/plan.js";
import { OpenFiles } from "../store/open-files.js";
import type { FileAccess } from "../store/store.js";
import { castRun } from "../tensor/cast.js";
import { gather } from "./gather.js";
import type { LaneJob, LaneResult, LaneWorker } from "./job.js";
import type { Lane } from "./lanes.js";
import { isDifferent, type Sameness } from "./sameness.js";
import { Grown, readSpans, spanBytes } from "./span-io.js";
import { type Tile, tilesOf } from "./tiles.js";

/** Of both sides, kept open by each of several threads; together well under the usual limit of 1024 open files of a process. */
const MAX_IDLE_FILES = 48;

export class Comparer implements LaneWorker {
  private readonly files: OpenFiles;
  private readonly buffers: { readonly mine: Grown; readonly gathered: Grown; readonly theirs: Grown }[] = [];

  constructor(
    files: FileAccess,
    private readonly job: LaneJob,
    private readonly isCancelled: () => boolean,
  ) {
    this.files = new OpenFiles(files, MAX_IDLE_FILES);
  }

  /** Ends at the first difference. */
  async work(lane: Lane): Promise<LaneResult> {
    const buffers = this.buffers.pop() ?? { mine: new Grown(), gathered: new Grown(), theirs: new Grown() };
    let bytes = 0;
    let sameness: Sameness = { values: true, rounded: true };
    for (const tile of tilesOf(lane)) {
      if (this.isCancelled()) throw new CancelledError("cancelled while comparing");
      const mine = buffers.mine.sized(spanBytes(tile.reads));
      const theirs = buffers.theirs.sized(spanBytes(tile.writes));
      await readSpans(this.files, this.job.sources, tile.reads, mine);
      await readSpans(this.files, this.job.targets, tile.writes, theirs);
      const isPlain = tile.copies.length === 0 || tile.cast !== undefined;
      const expected = isPlain ? mine : buffers.gathered.sized(theirs.byteLength);
      if (!isPlain) gather(tile, mine, expected, "");
      sameness = tile.cast === undefined ? both(Buffer.compare(expected, theirs) === 0) : sameRuns(tile, mine, theirs, sameness);
      bytes += mine.byteLength;
      if (isDifferent(sameness)) break;
    }
    this.buffers.push(buffers);
    return { bytes, sameness };
  }

  close(): Promise<void> {
    return this.files.close();
  }
}

const both = (isSame: boolean): Sameness => ({ values: isSame, rounded: isSame });

function sameRuns(tile: Tile, mine: Uint8Array, theirs: Uint8Array, sameness: Sameness): Sameness {
  let same = sameness;
  for (const { from, to, byteLength, count, fromStride, toStride } of tile.copies) {
    const targetRun = targetLength(byteLength, tile.cast);
    for (let run = 0; run < count; run++) {
      const [start, place] = [from + run * fromStride, to + run * toStride];
      same = sameRun(mine.subarray(start, start + byteLength), theirs.subarray(place, place + targetRun), tile.cast, same);
      if (isDifferent(same)) return same;
    }
  }
  return same;
}

function sameRun(left: Uint8Array, right: Uint8Array, cast: Segment["cast"], { values, rounded }: Sameness): Sameness {
  if (cast === undefined) return both(Buffer.compare(left, right) === 0);
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
