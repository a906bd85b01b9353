// What stands behind the opaque tensors: a buffer that the op which fills it has been queued for, or will be once its weights are
// there. A buffer goes back to the pool when its tensor is released and no op waits to read it.

import type { Tensor } from "../executor.js";
import { Handles } from "../handles.js";
import type { Buffers } from "./buffers.js";
import type { Parts } from "./weights.js";

export class Value {
  /** The tensor itself, and the ops and reads that wait for it. */
  private holders = 1;
  /** Why there is no buffer and will be none. */
  failure: { readonly error: unknown } | undefined;

  constructor(
    readonly buffer: Promise<GPUBuffer>,
    private readonly buffers: Buffers,
  ) {
    buffer.catch((error: unknown) => {
      this.failure = { error };
    });
  }

  hold(): this {
    this.holders++;
    return this;
  }

  letGo(): void {
    if (--this.holders > 0) return;
    this.buffer.then(
      (buffer) => this.buffers.give(buffer),
      () => undefined,
    );
  }
}

export class Values {
  private readonly handles = new Handles<Value>("webgpu");
  private readonly pending = new Set<Promise<unknown>>();

  constructor(private readonly buffers: Buffers) {}

  /**
   * A tensor that `fill` will have queued the filling of; it is given the tensor's own buffer and the inputs'.
   *
   * @param parts - what `fill` uses up; dropped if it does not come to that
   */
  make(
    op: string,
    shape: Tensor["shape"],
    inputs: readonly Tensor[],
    fill: (out: GPUBuffer, ...inputs: GPUBuffer[]) => Promise<void> | void,
    parts?: Parts,
  ): Tensor {
    this.handles.assertOpen();
    const buffer = this.use(inputs, async (...buffers) => {
      const out = await this.buffers.take(op, shape[0] * shape[1] * 4);
      try {
        await fill(out, ...buffers);
        return out;
      } catch (error) {
        this.buffers.give(out);
        throw error;
      }
    });
    buffer.catch(() => parts?.drop());
    return this.handles.make(shape, new Value(buffer, this.buffers));
  }

  /**
   * Work on tensors' buffers once they are there; none of them is reused before it has ended.
   *
   * @throws at once: a tensor was released, or is of another executor; later: why a tensor could not be filled
   */
  use<T>(tensors: readonly Tensor[], work: (...buffers: GPUBuffer[]) => Promise<T>): Promise<T> {
    const values = tensors.map((tensor) => this.get(tensor)).map((value) => value.hold());
    const working = (async () => {
      try {
        return await work(...(await Promise.all(values.map(({ buffer }) => buffer))));
      } finally {
        for (const value of values) value.letGo();
      }
    })();
    this.watch(working);
    return working;
  }

  /** Checks that need no data, in the order of every executor: whose tensors they are come first. */
  check(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.get(tensor);
  }

  release(tensor: Tensor): void {
    this.handles.release(tensor)?.letGo();
  }

  /** Nothing is taken on any more. @returns when all that was under way has ended */
  async close(): Promise<void> {
    this.handles.close();
    await Promise.allSettled(this.pending);
  }

  private get(tensor: Tensor): Value {
    const value = this.handles.get(tensor);
    if (value.failure !== undefined) throw value.failure.error;
    return value;
  }

  private watch(working: Promise<unknown>): void {
    this.pending.add(working);
    working.catch(() => {}).finally(() => this.pending.delete(working));
  }
}
