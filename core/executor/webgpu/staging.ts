// The way of bytes from files to GPU buffers: rings of mapped buffers which files are read straight into, several at once.

import { ExecutorError } from "../../errors.js";
import { inParallel } from "../../parallel.js";
import type { OpenFiles } from "../../store/open-files.js";
import { MAP, USAGE } from "./constants.js";
import { deviceFailed, oneLine } from "./failures.js";
import type { Gpu } from "./gpu.js";

/** Bytes that one mapped buffer of the large ring carries. */
export const SLOT_BYTES = 32 * 1024 * 1024;
/** Measured on an H100 host: fewer and larger slots spare the one thread of JavaScript, which every slot costs 0.5 ms a round. */
const SLOTS = 16;

/** Small models and small pieces of large ones need not have 32 MiB mapped for each of them. */
const SMALL_SLOT_BYTES = 1024 * 1024;
const READS = 16;

/** A piece of a file and where its bytes go in the GPU buffer, a multiple of 4. */
export interface Piece {
  readonly file: string;
  readonly position: number;
  readonly byteLength: number;
  readonly target: number;
}

export class Staging {
  private readonly large: Ring;
  private readonly small: Ring;
  private readonly fills = new Set<Promise<void>>();

  constructor(
    private readonly gpu: Gpu,
    private readonly files: OpenFiles,
  ) {
    this.large = new Ring(gpu, SLOT_BYTES, SLOTS);
    this.small = new Ring(gpu, SMALL_SLOT_BYTES, SLOTS);
    void gpu.failed.then((error) => this.refuse(error));
  }

  /** Bring a stretch of a file to a buffer's start. @throws {StorageError} it cannot be read; {ExecutorError} the device failed */
  async load(file: string, position: number, byteLength: number, into: GPUBuffer): Promise<void> {
    const pieces = Array.from({ length: Math.ceil(byteLength / SLOT_BYTES) }, (_, index): Piece => {
      const target = index * SLOT_BYTES;
      return { file, position: position + target, byteLength: Math.min(SLOT_BYTES, byteLength - target), target };
    });
    await settled(pieces.map((piece) => this.gather([piece], into)));
  }

  /** Bring pieces of together at most SLOT_BYTES that lie one after another in the buffer, by one slot. */
  async gather(pieces: readonly Piece[], into: GPUBuffer): Promise<void> {
    const [first, last] = [pieces[0], pieces.at(-1)];
    if (first === undefined || last === undefined) return;
    const byteLength = wholeWords(last.target + last.byteLength - first.target);
    const ring = byteLength > SMALL_SLOT_BYTES ? this.large : this.small;
    const slot = await ring.take();
    try {
      await this.fill(slot, pieces, first.target);
    } catch (error) {
      ring.give(slot);
      throw error;
    }
    ring.send(slot, into, first.target, byteLength);
  }

  /** Whoever waits for a slot is told why none will come. @returns when nothing is read into a slot any more, so that their memory may go */
  async close(error: ExecutorError): Promise<void> {
    this.refuse(error);
    await Promise.allSettled(this.fills);
  }

  private refuse(error: ExecutorError): void {
    this.large.close(error);
    this.small.close(error);
  }

  private async fill(slot: Slot, pieces: readonly Piece[], start: number): Promise<void> {
    const filling = this.read(slot, pieces, start);
    this.fills.add(filling);
    try {
      await filling;
    } catch (error) {
      if (slot.bytes.byteLength === 0) this.gpu.assertAlive(); // a device that is lost takes its mappings with it
      throw error;
    } finally {
      this.fills.delete(filling);
    }
  }

  private async read({ bytes }: Slot, pieces: readonly Piece[], start: number): Promise<void> {
    const { reading } = this.gpu.stopwatch;
    reading.enter();
    try {
      await inParallel([...pieces], READS, ({ file, position, byteLength, target }) =>
        this.files.read(file, bytes.subarray(target - start, target - start + byteLength), position),
      );
    } finally {
      reading.leave();
    }
  }
}

interface Slot {
  readonly buffer: GPUBuffer;
  /** Mapped; replaced at each mapping. */
  bytes: Uint8Array;
}

/** Mapped buffers of one size, made as they are needed, lent first come, first served. */
class Ring {
  private made = 0;
  private closed: ExecutorError | undefined;
  private readonly free: Slot[] = [];
  private readonly waiting: { resolve: (slot: Slot) => void; reject: (error: unknown) => void }[] = [];

  constructor(
    private readonly gpu: Gpu,
    private readonly slotBytes: number,
    private readonly slots: number,
  ) {}

  async take(): Promise<Slot> {
    if (this.closed !== undefined) throw this.closed;
    const slot = this.free.pop();
    if (slot !== undefined) return slot;
    if (this.made < this.slots) return this.create();
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  give(slot: Slot): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(slot);
    else next.resolve(slot);
  }

  /** The slot comes back once the GPU has copied it. */
  send(slot: Slot, into: GPUBuffer, target: number, byteLength: number): void {
    const { device, stopwatch } = this.gpu;
    this.gpu.assertAlive();
    slot.buffer.unmap();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(slot.buffer, 0, into, target, byteLength);
    this.gpu.submit(encoder);
    stopwatch.uploading.enter();
    slot.buffer
      .mapAsync(MAP.write)
      .finally(() => stopwatch.uploading.leave())
      .then(() => {
        slot.bytes = new Uint8Array(slot.buffer.getMappedRange());
        this.give(slot);
      })
      .catch((cause: Error) => this.gpu.fail(deviceFailed(cause.message)));
  }

  close(error: ExecutorError): void {
    this.closed ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private create(): Slot {
    const usage = USAGE.mapWrite | USAGE.copySource;
    try {
      const buffer = this.gpu.device.createBuffer({ size: this.slotBytes, usage, mappedAtCreation: true });
      const bytes = new Uint8Array(buffer.getMappedRange());
      this.made++;
      return { buffer, bytes };
    } catch (cause) {
      const what = `no memory for the ${this.slotBytes} bytes that files are read into on their way to the GPU`;
      throw new ExecutorError(`${what} (${oneLine((cause as Error).message)})`, { cause, hint: "free some of this machine's memory" });
    }
  }
}

const wholeWords = (byteLength: number): number => Math.ceil(byteLength / 4) * 4;

/** As Promise.all, but it waits for all, so that none goes on unseen after a failure. */
async function settled(pending: readonly Promise<void>[]): Promise<void> {
  const failure = (await Promise.allSettled(pending)).find((each) => each.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
