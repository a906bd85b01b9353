// Executes a plan: several workers, a lane each, tile by tile through two buffers of their own. No tensor is ever whole in memory.

import { CancelledError } from "../errors.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import { tensorAt } from "./coverage.js";
import { gather } from "./gather.js";
import { type Lane, lanesOf } from "./lanes.js";
import type { Plan } from "./plan.js";
import { inParallel } from "./pool.js";
import { Schedule } from "./schedule.js";
import { Grown, inSpans, readSpans, spanBytes } from "./span-io.js";
import { type RunTarget, TargetFiles } from "./target-files.js";
import { MAX_TILE_BYTES, type Tile, tilesOf } from "./tiles.js";

/** Lanes under way at once: twice the threads on which Node reads and writes, so that none waits for JavaScript. */
const WORKERS = 8;
/** What the runner holds of the weights at most: each worker's bytes read, and the same put together or cast to twice their size. */
export const RUN_BUFFER_BYTES = WORKERS * 3 * MAX_TILE_BYTES;

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every tile with the bytes written so far. */
  readonly onWritten?: ((bytes: number) => void) | undefined;
}

/**
 * Create a plan's target files and fill them.
 *
 * @param sources - paths of the plan's sources, in order
 * @param targets - the plan's targets, in order
 * @throws {StorageError | CancelledError} files written so far are left for the caller to remove
 */
export async function runPlan(
  plan: Plan,
  store: Store,
  sources: readonly string[],
  targets: readonly RunTarget[],
  options: RunOptions = {},
): Promise<void> {
  const lanes = lanesOf(plan.segments);
  const run = new Run(plan, new OpenFiles(store), new TargetFiles(store, targets, lanes), sources, options);
  const schedule = new Schedule(lanes);
  try {
    await run.createEmpty();
    await inParallel(
      WORKERS,
      () => schedule.take(),
      async (lane, worker) => {
        await run.carry(lane, worker);
        schedule.finish(lane);
      },
    );
  } finally {
    await run.close();
  }
}

class Run {
  private bytes = 0;
  private readonly buffers = Array.from({ length: WORKERS }, () => ({ read: new Grown(), write: new Grown() }));

  constructor(
    private readonly plan: Plan,
    private readonly from: OpenFiles,
    private readonly to: TargetFiles,
    private readonly sources: readonly string[],
    private readonly options: RunOptions,
  ) {}

  createEmpty(): Promise<void> {
    return this.to.createEmpty();
  }

  async carry(lane: Lane, worker: number): Promise<void> {
    const [first] = lane.members;
    const where = first?.cast === undefined ? "" : this.tensorName(first.source.file, first.source.byteOffset);
    for (const tile of tilesOf(lane)) {
      if (this.options.signal?.aborted === true) throw new CancelledError("cancelled; nothing was published");
      await this.move(tile, worker, where);
    }
    await this.to.finish(lane);
  }

  private async move(tile: Tile, worker: number, where: string): Promise<void> {
    const buffers = this.buffers[worker];
    const read = buffers?.read.sized(spanBytes(tile.reads)) ?? new Uint8Array();
    await readSpans(this.from, this.sources, tile.reads, read);
    const written = tile.copies.length === 0 ? read : (buffers?.write.sized(spanBytes(tile.writes)) ?? read);
    if (written !== read) gather(tile, read, written, where);
    await inSpans(tile.writes, written, async ({ file, byteOffset }, bytes) => (await this.to.file(file)).write(bytes, byteOffset));
    this.bytes += written.byteLength;
    this.options.onWritten?.(this.bytes);
  }

  private tensorName(file: number, byteOffset: number): string {
    const tensors = this.plan.sources[file]?.tensors ?? [];
    return tensors[tensorAt(tensors, byteOffset)]?.name ?? "";
  }

  async close(): Promise<void> {
    await this.from.close();
    await this.to.abandon();
  }
}
