// Copies lanes: tile by tile through buffers that are used again. No tensor is ever whole in memory.

import { CancelledError } from "../errors.js";
import { OpenFiles, OpenTargets } from "../store/open-files.js";
import type { FileAccess } from "../store/store.js";
import { gather } from "./gather.js";
import type { LaneJob, LaneResult, LaneWorker } from "./job.js";
import type { Lane } from "./lanes.js";
import { Grown, inSpans, readSpans, spanBytes } from "./span-io.js";
import { type Tile, tilesOf } from "./tiles.js";

/** Kept open by each of several threads; together well under the usual limit of 1024 open files of a process. */
const MAX_IDLE_SOURCES = 32;
const MAX_IDLE_TARGETS = 16;

export class Copier implements LaneWorker {
  private readonly from: OpenFiles;
  private readonly to: OpenTargets;
  private readonly buffers: { readonly read: Grown; readonly write: Grown }[] = [];

  constructor(
    files: FileAccess,
    private readonly job: LaneJob,
    private readonly isCancelled: () => boolean,
  ) {
    this.from = new OpenFiles(files, MAX_IDLE_SOURCES);
    this.to = new OpenTargets(files, MAX_IDLE_TARGETS);
  }

  async work(lane: Lane, where: string): Promise<LaneResult> {
    const buffers = this.buffers.pop() ?? { read: new Grown(), write: new Grown() };
    for (const tile of tilesOf(lane)) {
      if (this.isCancelled()) throw new CancelledError("cancelled; nothing was published");
      const read = buffers.read.sized(spanBytes(tile.reads));
      await readSpans(this.from, this.job.sources, tile.reads, read);
      const written = tile.copies.length === 0 ? read : buffers.write.sized(spanBytes(tile.writes));
      if (written !== read) gather(tile, read, written, where);
      await this.write(tile, written);
    }
    this.buffers.push(buffers);
    return { bytes: lane.byteLength };
  }

  private write(tile: Tile, bytes: Uint8Array): Promise<void> {
    return inSpans(tile.writes, bytes, ({ file, byteOffset }, part) => this.to.write(this.job.targets[file] ?? "", part, byteOffset));
  }

  async close(): Promise<void> {
    await this.from.close();
    await this.to.close();
  }
}
