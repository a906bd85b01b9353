// What an executor keeps behind its opaque tensors, and nobody else can reach. It also tells a tensor used after its release
// from one of another executor.

import { ExecutorError } from "../errors.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "./executor.js";

/** The tensors of one executor, each with the value behind it: an array, a device buffer, a step not yet run. */
export class Handles<Value> {
  private readonly values = new WeakMap<Tensor, Value>();
  private readonly released = new WeakSet<Tensor>();
  private closed = false;

  constructor(private readonly executor: string) {}

  make(shape: Tensor["shape"], value: Value): Tensor {
    this.assertOpen();
    const tensor: Tensor = Object.freeze({ shape: Object.freeze([shape[0], shape[1]] as const) });
    this.values.set(tensor, value);
    return tensor;
  }

  /** @throws {ExecutorError} released, of another executor, or the executor is closed */
  get(tensor: Tensor): Value {
    this.assertOpen();
    const value = this.values.get(tensor);
    if (value === undefined) throw new ExecutorError(this.whyUnknown(tensor));
    return value;
  }

  /** A tensor given back before is let pass: nested scopes may both hold it. @returns the value, undefined if it was given back before */
  release(tensor: Tensor): Value | undefined {
    const value = this.values.get(tensor);
    if (value === undefined && !this.released.has(tensor)) throw new ExecutorError(this.whyUnknown(tensor));
    this.values.delete(tensor);
    this.released.add(tensor);
    return value;
  }

  close(): void {
    this.closed = true;
  }

  assertOpen(): void {
    if (this.closed) throw new ExecutorError(`the ${this.executor} executor was closed`, { hint: "open another one" });
  }

  private whyUnknown(tensor: Tensor): string {
    const which = `tensor ${formatShape(tensor.shape)}`;
    return this.released.has(tensor) ? `${which} was used after its release` : `${which} is of another executor than this ${this.executor}`;
  }
}
