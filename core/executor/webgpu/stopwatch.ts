// Where the time goes: reading files, copying to the GPU, computing there. The three overlap.

import { USAGE } from "./constants.js";
import { deviceFailed } from "./failures.js";

/** Time during which at least one of several overlapping activities was under way. */
export class Busy {
  private active = 0;
  private since = 0;
  private milliseconds = 0;

  enter(): void {
    if (this.active++ === 0) this.since = performance.now();
  }

  leave(): void {
    if (--this.active === 0) this.milliseconds += performance.now() - this.since;
  }

  get seconds(): number {
    return this.milliseconds / 1000;
  }
}

/** Compute passes that are timed before their times are fetched. */
const PASSES = 1024;
const STAMP_BYTES = 8;

export class Stopwatch {
  readonly reading = new Busy();
  readonly uploading = new Busy();
  private readonly stamps: GPUQuerySet | undefined;
  private passes = 0;
  private nanoseconds = 0;
  /** Why times are missing. */
  private failure: Error | undefined;
  private readonly fetches = new Set<Promise<void>>();

  constructor(private readonly device: GPUDevice) {
    if (device.features.has("timestamp-query")) this.stamps = device.createQuerySet({ type: "timestamp", count: 2 * PASSES });
  }

  /** What a compute pass must be begun with to be timed. */
  nextPass(): GPUComputePassDescriptor {
    if (this.stamps === undefined) return {};
    if (this.passes === PASSES) this.fetch(this.stamps);
    const at = 2 * this.passes++;
    return { timestampWrites: { querySet: this.stamps, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } };
  }

  /** Seconds of the GPU in compute passes; undefined where the device has no clock. @throws {ExecutorError} the device failed */
  async computeSeconds(): Promise<number | undefined> {
    if (this.stamps === undefined) return undefined;
    if (this.passes > 0) this.fetch(this.stamps);
    await Promise.all(this.fetches);
    if (this.failure !== undefined) throw this.failure;
    return this.nanoseconds / 1e9;
  }

  /** The queue keeps order: the next passes may write over the stamps at once. */
  private fetch(stamps: GPUQuerySet): void {
    const size = 2 * this.passes * STAMP_BYTES;
    const resolved = this.device.createBuffer({ size, usage: USAGE.queryResolve | USAGE.copySource });
    const landing = this.device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
    const encoder = this.device.createCommandEncoder();
    encoder.resolveQuerySet(stamps, 0, 2 * this.passes, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, landing, 0, size);
    this.device.queue.submit([encoder.finish()]);
    this.passes = 0;
    const fetched = this.add(landing).finally(() => {
      resolved.destroy();
      landing.destroy();
      this.fetches.delete(fetched);
    });
    this.fetches.add(fetched);
  }

  private async add(landing: GPUBuffer): Promise<void> {
    let stamps: BigUint64Array;
    try {
      await landing.mapAsync(1);
      stamps = new BigUint64Array(landing.getMappedRange()); // a device that is lost takes its mappings with it
    } catch (cause) {
      this.failure = deviceFailed(`its times cannot be read: ${(cause as Error).message}`);
      return;
    }
    for (let i = 0; i + 1 < stamps.length; i += 2) this.nanoseconds += Number((stamps[i + 1] as bigint) - (stamps[i] as bigint));
  }
}
