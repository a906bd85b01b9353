// A part of a heavy op, as a value: any thread can perform it, for all it works on is shared memory.

import type { DType } from "../../tensor/dtype.js";
import { expand } from "../../tensor/expand.js";
import type { AttentionOptions } from "../executor.js";
import { type AttentionTensors, attention } from "./kernels/attention.js";
import { multiply, type Product } from "./kernels/linear.js";
import { accumulate, type TransposedProduct } from "./kernels/linear-transposed.js";

/** Some rows of a weight, as they are stored, against all rows of x. */
interface LinearTask extends Omit<Product, "weight"> {
  readonly op: "linear";
  readonly bytes: Uint8Array;
  readonly dtype: DType;
  readonly weightRows: number;
}

/** Heads [start, stop). */
interface AttentionTask extends AttentionTensors {
  readonly op: "attention";
  readonly options: AttentionOptions;
  readonly start: number;
  readonly stop: number;
}

/** Columns [start, stop). */
interface TransposedTask extends TransposedProduct {
  readonly op: "linearTransposed";
  readonly start: number;
  readonly stop: number;
}

export type Task = LinearTask | AttentionTask | TransposedTask;

export function perform(task: Task): void {
  if (task.op === "attention") {
    attention(task, task.options, task.start, task.stop);
    return;
  }
  if (task.op === "linearTransposed") {
    accumulate(task, task.start, task.stop);
    return;
  }
  const weight = new Float32Array(task.weightRows * task.width);
  expand(task.bytes, task.dtype, weight);
  multiply({ ...task, weight }, task.weightRows, 0, task.x.length / task.width);
}

/** Multiplications and additions. */
export function operations(task: Task): number {
  if (task.op === "linear") return 2 * task.x.length * task.weightRows;
  if (task.op === "linearTransposed") return 2 * (task.x.length / task.width) * task.weightRows * (task.stop - task.start);
  const rows = task.q.length / (task.options.heads * task.options.headDim);
  return 2 * rows * rows * task.options.headDim * (task.stop - task.start);
}

/** Cut a task into at most so many of about equal work; stretches of a weight stay whole tiles. */
export function split(task: Task, parts: number): Task[] {
  const [start, stop, unit] = task.op === "linear" ? [0, task.weightRows, 4] : [task.start, task.stop, 1];
  const step = Math.ceil((stop - start) / parts / unit) * unit;
  const count = Math.ceil((stop - start) / step);
  return Array.from({ length: count }, (_, index) => {
    const first = start + index * step;
    return slice(task, first, Math.min(stop, first + step));
  });
}

function slice(task: Task, start: number, stop: number): Task {
  if (task.op !== "linear") return { ...task, start, stop };
  const rowBytes = task.bytes.length / task.weightRows;
  return {
    ...task,
    bytes: task.bytes.subarray(start * rowBytes, stop * rowBytes),
    weightRows: stop - start,
    firstColumn: task.firstColumn + start,
  };
}
