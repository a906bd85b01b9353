// A GPU that fails on demand: the real device, save that from its n-th submission on it does not do what it is asked.

import type { Loaded } from "../../core/executor/webgpu/dawn.js";

/**
 * - `refused`: this one submission has an error and is not run; those after it are.
 * - `lost`: the device is lost before this submission.
 * - `full`: after the submission before it no buffer can be made any more for want of memory.
 */
export interface Spoil {
  readonly kind: "refused" | "lost" | "full";
  readonly at: number;
}

/** @param counted - told of every submission */
export function spoiltDevice({ gpu, adapter }: Loaded, spoil?: Spoil, counted: () => void = () => undefined): Loaded {
  const open = async (descriptor: GPUDeviceDescriptor): Promise<GPUDevice> =>
    spoiltOf(await adapter.requestDevice(descriptor), spoil, counted);
  return { gpu, adapter: replaced(adapter, { requestDevice: open }) };
}

function spoiltOf(device: GPUDevice, spoil: Spoil | undefined, counted: () => void): GPUDevice {
  let submitted = 0;
  const isFull = (): boolean => spoil?.kind === "full" && submitted >= spoil.at;
  const submit = (commands: Iterable<GPUCommandBuffer>): void => {
    counted();
    const isHere = submitted++ === spoil?.at;
    if (isHere && spoil.kind === "lost") device.destroy();
    if (isHere && spoil.kind === "refused") device.createBuffer({ size: 4, usage: 0x1 | 0x2 });
    else device.queue.submit(commands);
  };
  /** Whether a buffer was made since the last scope was opened. */
  let isMade = false;
  const pushErrorScope = (filter: GPUErrorFilter): void => {
    isMade = false;
    device.pushErrorScope(filter);
  };
  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    isMade = isFull();
    return device.createBuffer(descriptor);
  };
  const popErrorScope = async (): Promise<GPUError | null> => {
    const failed = isMade;
    isMade = false;
    const error = await device.popErrorScope();
    return failed ? ({ message: "out of memory" } as GPUError) : error;
  };
  return replaced(device, { pushErrorScope, createBuffer, popErrorScope, queue: replaced(device.queue, { submit }) });
}

/** An object of another's, some of whose members are replaced; native methods are called on the object that they are of. */
function replaced<T extends object>(target: T, members: Record<string, unknown>): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (typeof key === "string" && key in members) return members[key];
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
    set: (_, key, value) => Reflect.set(target, key, value, target),
  });
}
