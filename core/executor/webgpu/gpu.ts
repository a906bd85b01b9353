// One device: its pipelines, its queue, its buffers, and what goes wrong with it as an error of one line.

import { ExecutorError } from "../../errors.js";
import { MAP, USAGE } from "./constants.js";
import type { Loaded } from "./dawn.js";
import { deviceFailed, oneLine } from "./failures.js";
import { type Kernel, packParams, source } from "./kernels/kernel.js";
import { Stopwatch } from "./stopwatch.js";

const PARAMS_BYTES = 256;

/** Limits that are asked for as large as the adapter has them. */
const LIMITS = ["maxStorageBufferBindingSize", "maxBufferSize", "maxComputeWorkgroupStorageSize"] as const;

/** All kinds of errors that a device has. */
const ERRORS = ["validation", "out-of-memory", "internal"] as const;

export class Gpu {
  readonly stopwatch: Stopwatch;
  private readonly pipelines = new Map<string, GPUComputePipeline>();
  private readonly params: GPUBuffer;
  private failure: ExecutorError | undefined;
  private collecting: Promise<void> = Promise.resolve();
  private tellFailure: (error: ExecutorError) => void = () => undefined;
  /** Fulfilled when the device fails, with why: for those who wait for what it will not do any more. */
  readonly failed = new Promise<ExecutorError>((resolve) => {
    this.tellFailure = resolve;
  });
  /** What the adapter came from: held as long as the device lives, or Dawn aborts the process. */
  owner: GPU | undefined;

  private constructor(
    owner: GPU,
    readonly device: GPUDevice,
  ) {
    this.owner = owner;
    this.watch();
    this.params = device.createBuffer({ size: PARAMS_BYTES, usage: USAGE.uniform | USAGE.copyTarget });
    this.stopwatch = new Stopwatch(device);
    void device.lost.then(({ message }) => this.fail(deviceFailed(`the device was lost: ${message}`)));
  }

  /** @throws {ExecutorError} the device does not open */
  static async open({ gpu, adapter }: Loaded): Promise<Gpu> {
    const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    const requiredFeatures: GPUFeatureName[] = adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
    try {
      return new Gpu(gpu, await adapter.requestDevice({ requiredLimits, requiredFeatures }));
    } catch (cause) {
      throw new ExecutorError(`the GPU does not open: ${oneLine((cause as Error).message)}`, { cause });
    }
  }

  /** Bytes of one tensor, or of one part of a weight. */
  get largestBuffer(): number {
    return Math.min(this.device.limits.maxStorageBufferBindingSize, this.device.limits.maxBufferSize);
  }

  /** @throws {ExecutorError} the device failed earlier */
  assertAlive(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** @throws {ExecutorError} anything that was asked of the device before failed */
  async assertSound(): Promise<void> {
    await this.collect();
    this.assertAlive();
  }

  /** Run a kernel over `groups` groups of threads, after everything that was run or copied before. */
  run(kernel: Kernel, buffers: readonly GPUBuffer[], params: Readonly<Record<string, number>>, [x, y]: readonly [number, number]): void {
    const pipeline = this.pipeline(kernel);
    // One buffer serves all: a write takes its place in the queue between two submissions.
    this.device.queue.writeBuffer(this.params, 0, packParams(kernel, params));
    const entries = [this.params, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass(this.stopwatch.nextPass());
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y);
    pass.end();
    this.submit(encoder);
  }

  submit(encoder: GPUCommandEncoder): void {
    this.device.queue.submit([encoder.finish()]);
  }

  /** Bytes [byteOffset, byteOffset + byteLength) of a buffer, whole words. @throws {ExecutorError} */
  async read(from: GPUBuffer, byteOffset: number, byteLength: number): Promise<ArrayBuffer> {
    if (byteLength === 0) return new ArrayBuffer(0);
    const landing = this.device.createBuffer({ size: byteLength, usage: USAGE.mapRead | USAGE.copyTarget });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, byteOffset, landing, 0, byteLength);
    this.submit(encoder);
    const sound = this.assertSound();
    try {
      await Promise.all([landing.mapAsync(MAP.read), sound]);
      this.assertAlive();
      return landing.getMappedRange().slice(0);
    } catch (cause) {
      await sound;
      this.assertAlive();
      throw new ExecutorError(`the webgpu executor could not read a result: ${oneLine((cause as Error).message)}`, { cause });
    } finally {
      landing.destroy();
    }
  }

  close(): void {
    this.fail(new ExecutorError("the webgpu executor was closed", { hint: "open another one" }));
    this.device.destroy();
    this.owner = undefined;
  }

  /** All later ops and reads fail with this, or with what came before it. */
  fail(error: ExecutorError): void {
    this.failure ??= error;
    this.tellFailure(this.failure);
  }

  /** Errors are caught by scopes: those that are not, the package prints on stdout. */
  private watch(): void {
    for (const kind of ERRORS) this.device.pushErrorScope(kind);
  }

  /** Whatever failed before this call is known when it ends; no result may leave the device before. */
  private collect(): Promise<void> {
    const popped = Promise.all(ERRORS.map(() => this.device.popErrorScope()));
    this.watch();
    const before = this.collecting;
    this.collecting = (async () => {
      await before;
      for (const error of await popped) if (error !== null) this.fail(deviceFailed(error.message));
    })();
    return this.collecting;
  }

  private pipeline(kernel: Kernel): GPUComputePipeline {
    const found = this.pipelines.get(kernel.name);
    if (found !== undefined) return found;
    const module = this.device.createShaderModule({ label: kernel.name, code: source(kernel) });
    const made = this.device.createComputePipeline({ label: kernel.name, layout: "auto", compute: { module } });
    this.pipelines.set(kernel.name, made);
    return made;
  }
}
