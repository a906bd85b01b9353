// Weights on their way through the GPU: in parts of whole rows, read ahead of the ops that use them as far as a budget allows,
// and given back as soon as the last op that needs them is queued.

import { itemSize } from "../../tensor/dtype.js";
import type { Weight } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Staging } from "./staging.js";

/** Of the parts that are being read or wait for their op: about a layer of an 8B model. */
const BUDGET_BYTES = 512 * 1024 * 1024;
/** Large enough to fill a GPU with work, small enough that the next is read meanwhile. */
const PART_BYTES = 128 * 1024 * 1024;

/** Rows [firstRow, firstRow + rows) of a weight in GPU memory. */
export interface Part {
  readonly firstRow: number;
  readonly rows: number;
  readonly buffer: GPUBuffer;
}

interface Coming extends Omit<Part, "buffer"> {
  readonly byteLength: number;
  readonly buffer: Promise<GPUBuffer>;
}

export class Weights {
  private readonly budget = new Budget(BUDGET_BYTES);

  constructor(
    private readonly buffers: Buffers,
    private readonly staging: Staging,
    private readonly partBytes = PART_BYTES,
  ) {}

  /** Start to read a weight [rows, columns]. */
  ahead(weight: Weight): Parts {
    return new Parts(
      stretches(weight, this.partBytes).map((stretch) => this.begin(weight, stretch)),
      (buffer) => this.buffers.give(buffer),
      (byteLength) => this.budget.give(byteLength),
    );
  }

  /** Those who wait for room are told that none will come. */
  close(error: Error): void {
    this.budget.close(error);
  }

  private async begin(weight: Weight, { firstRow, rows, byteLength }: Stretch): Promise<Coming> {
    await this.budget.take(byteLength);
    const position = weight.byteOffset + firstRow * (weight.byteLength / (weight.shape[0] as number));
    const buffer = this.load(weight.file, position, byteLength);
    buffer.catch(() => {}); // met in each()
    return { firstRow, rows, byteLength, buffer };
  }

  private async load(file: string, position: number, byteLength: number): Promise<GPUBuffer> {
    const buffer = await this.buffers.take(file, byteLength);
    try {
      await this.staging.load(file, position, byteLength, buffer);
      return buffer;
    } catch (error) {
      this.buffers.give(buffer);
      throw error;
    }
  }
}

/** The parts of one weight, to be had once: by each() or, if that is not to come, by drop(). */
export class Parts {
  /** The last part has begun to be read. */
  readonly accepted: Promise<void>;
  private isTaken = false;

  constructor(
    private readonly coming: readonly Promise<Coming>[],
    private readonly giveBuffer: (buffer: GPUBuffer) => void,
    private readonly giveBytes: (byteLength: number) => void,
  ) {
    this.accepted = Promise.all(coming).then(() => undefined);
    this.accepted.catch(() => {});
  }

  /**
   * Hand the parts to `use` in order, each once it is there. After a failure those still on their way are awaited and given back
   * unused.
   */
  async each(use: (part: Part) => void): Promise<void> {
    this.isTaken = true;
    const failures: unknown[] = [];
    for (const pending of this.coming) {
      try {
        await this.one(await pending, failures.length === 0 ? use : () => undefined);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  drop(): void {
    if (!this.isTaken) this.each(() => undefined).catch(() => {});
  }

  private async one(part: Coming, use: (part: Part) => void): Promise<void> {
    try {
      const buffer = await part.buffer;
      try {
        use({ ...part, buffer });
      } finally {
        this.giveBuffer(buffer);
      }
    } finally {
      this.giveBytes(part.byteLength);
    }
  }
}

interface Stretch {
  readonly firstRow: number;
  readonly rows: number;
  readonly byteLength: number;
}

/** A weight cut into parts of whole rows of about so many bytes, of whole tiles where there are many rows. */
function stretches({ shape, dtype }: Weight, partBytes: number): Stretch[] {
  const [rows, columns] = shape as [number, number];
  const rowBytes = columns * itemSize(dtype);
  const most = Math.max(1, Math.floor(partBytes / rowBytes));
  const atOnce = most > 128 ? most - (most % 128) : most;
  return Array.from({ length: Math.ceil(rows / atOnce) }, (_, index) => {
    const firstRow = index * atOnce;
    const count = Math.min(atOnce, rows - firstRow);
    return { firstRow, rows: count, byteLength: count * rowBytes };
  });
}

/** So many bytes to lend, first come, first served; a request beyond all of it is granted when nothing else is out. */
class Budget {
  private lent = 0;
  private closed: Error | undefined;
  private readonly waiting: { bytes: number; resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly total: number) {}

  take(bytes: number): Promise<void> {
    if (this.closed !== undefined) return Promise.reject(this.closed);
    return new Promise((resolve, reject) => {
      this.waiting.push({ bytes, resolve, reject });
      this.serve();
    });
  }

  give(bytes: number): void {
    this.lent -= bytes;
    this.serve();
  }

  close(error: Error): void {
    this.closed = error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private serve(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.lent > 0 && this.lent + next.bytes > this.total) return;
      this.lent += next.bytes;
      this.waiting.shift();
      next.resolve();
    }
  }
}
