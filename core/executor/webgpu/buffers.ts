// Storage buffers, reused. The queue runs everything in order, so that a buffer may be handed on as soon as its last use is queued.

import { ExecutorError } from "../../errors.js";
import { USAGE } from "./constants.js";
import { oneLine } from "./failures.js";
import type { Gpu } from "./gpu.js";

const STORAGE = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
/** Sizes in steps of an eighth of a power of two, so that a buffer fits many tensors and wastes little. */
const STEPS = 8;
const SMALLEST = 256;

export class Buffers {
  private readonly idle = new Map<number, GPUBuffer[]>();

  constructor(private readonly gpu: Gpu) {}

  /**
   * @param what - for errors
   * @throws {ExecutorError} larger than the device allows, or out of its memory
   */
  async take(what: string, byteLength: number): Promise<GPUBuffer> {
    this.gpu.assertAlive();
    if (byteLength > this.gpu.largestBuffer) {
      const limit = `at most ${this.gpu.largestBuffer} bytes in one buffer of this GPU, found ${byteLength}`;
      throw new ExecutorError(`${what}: expected ${limit}`, { hint: "use fewer tokens" });
    }
    const size = Math.min(sizeFor(byteLength), this.gpu.largestBuffer);
    const found = this.idle.get(size)?.pop();
    if (found !== undefined) return found;
    const made = await this.create(size);
    if (made instanceof GPUBufferFailure) {
      this.clear();
      const again = await this.create(size);
      if (again instanceof GPUBufferFailure) throw outOfMemory(what, byteLength, again);
      return again;
    }
    return made;
  }

  give(buffer: GPUBuffer): void {
    const sameSize = this.idle.get(buffer.size) ?? [];
    sameSize.push(buffer);
    this.idle.set(buffer.size, sameSize);
  }

  /** Buffers still in the queue's use live until it is done with them. */
  clear(): void {
    for (const buffers of this.idle.values()) for (const buffer of buffers) buffer.destroy();
    this.idle.clear();
  }

  private async create(size: number): Promise<GPUBuffer | GPUBufferFailure> {
    const { device } = this.gpu;
    device.pushErrorScope("out-of-memory");
    const buffer = device.createBuffer({ size, usage: STORAGE });
    const error = await device.popErrorScope();
    return error === null ? buffer : new GPUBufferFailure(error.message);
  }
}

class GPUBufferFailure {
  constructor(readonly message: string) {}
}

const outOfMemory = (what: string, byteLength: number, { message }: GPUBufferFailure): ExecutorError =>
  new ExecutorError(`${what}: no GPU memory for ${byteLength} bytes (${oneLine(message)})`, {
    hint: "use fewer tokens or the cpu executor, or free the GPU of other programs",
  });

function sizeFor(byteLength: number): number {
  const step = Math.max(SMALLEST, 2 ** Math.floor(Math.log2(Math.max(1, byteLength))) / STEPS);
  return Math.ceil(byteLength / step) * step;
}
