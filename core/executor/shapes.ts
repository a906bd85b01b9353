// The shape of each op's result, and every check that needs no data. All executors use it, so all refuse the same with the same words.

import { ExecutorError } from "../errors.js";
import { itemSize } from "../tensor/dtype.js";
import { isExpandable } from "../tensor/expand.js";
import { formatShape, numElements, type Shape, sameShape } from "../tensor/shape.js";
import type { AttentionOptions, EmbedOptions, LinearOptions, RotateOptions, Tensor, Weight } from "./executor.js";

type Size = Tensor["shape"];

function expectSame(what: string, expected: number | string, found: number | string): void {
  if (expected !== found) throw new ExecutorError(`${what}: expected ${expected}, found ${found}`);
}

function expectCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new ExecutorError(`${what}: expected a whole number from 1 on, found ${value}`);
}

/** @param shape - what the op needs; undefined where any size from 1 on does */
export function checkWeight(op: string, weight: Weight, shape: readonly (number | undefined)[]): void {
  const what = `${op}: ${weight.file}`;
  if (!isExpandable(weight.dtype)) throw new ExecutorError(`${what}: expected dtype BF16, F16 or F32, found ${weight.dtype}`);
  for (const size of weight.shape) expectCount(`${what}: a size of ${formatShape(weight.shape)}`, size);
  const fits: Shape = shape.map((size, axis) => size ?? weight.shape[axis] ?? 0);
  const needed = `[${shape.map((size) => size ?? "any").join(", ")}]`;
  if (!sameShape(fits, weight.shape)) throw new ExecutorError(`${what}: expected shape ${needed}, found ${formatShape(weight.shape)}`);
  const bytes = numElements(weight.shape) * itemSize(weight.dtype);
  expectSame(`${what}: bytes of ${weight.dtype} ${formatShape(weight.shape)}`, bytes, weight.byteLength);
  if (!Number.isSafeInteger(weight.byteOffset) || weight.byteOffset < 0) {
    throw new ExecutorError(`${what}: expected a byte offset from 0 on, found ${weight.byteOffset}`);
  }
}

export function embedShape(table: Weight, tokens: Uint32Array, { firstRow }: EmbedOptions): Size {
  checkWeight("embed", table, [undefined, undefined]);
  expectCount("embed: number of tokens", tokens.length);
  if (!Number.isSafeInteger(firstRow) || firstRow < 0) throw new ExecutorError(`embed: firstRow: expected 0 or more, found ${firstRow}`);
  return [tokens.length, table.shape[1] as number];
}

export function rmsNormShape(x: Tensor, weight: Weight): Size {
  checkWeight("rmsNorm", weight, [x.shape[1]]);
  return x.shape;
}

export function layerNormShape(x: Tensor, weight: Weight, bias: Weight): Size {
  checkWeight("layerNorm", weight, [x.shape[1]]);
  checkWeight("layerNorm bias", bias, [x.shape[1]]);
  return x.shape;
}

export function linearShape(x: Tensor, weight: Weight, { bias }: LinearOptions): Size {
  checkWeight("linear", weight, [undefined, x.shape[1]]);
  const columns = weight.shape[0] as number;
  if (bias !== undefined) checkWeight("linear bias", bias, [columns]);
  return [x.shape[0], columns];
}

export function columnsShape(x: Tensor, start: number, stop: number): Size {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(stop);
  if (!whole || start < 0 || stop <= start || stop > x.shape[1]) {
    throw new ExecutorError(`columns: expected a range within [0, ${x.shape[1]}), found [${start}, ${stop})`);
  }
  return [x.shape[0], stop - start];
}

export function joinColumnsShape(parts: readonly Tensor[]): Size {
  const rows = parts[0]?.shape[0];
  if (rows === undefined) throw new ExecutorError("joinColumns: expected at least one tensor, found none");
  for (const part of parts) expectSame("joinColumns: rows", rows, part.shape[0]);
  return [rows, parts.reduce((sum, part) => sum + part.shape[1], 0)];
}

export function rotateShape(x: Tensor, { headDim, frequencies }: RotateOptions): Size {
  expectCount("rotate: headDim", headDim);
  if (headDim % 2 !== 0) throw new ExecutorError(`rotate: headDim: expected an even number, found ${headDim}`);
  if (x.shape[1] % headDim !== 0) throw new ExecutorError(`rotate: columns: expected whole heads of ${headDim}, found ${x.shape[1]}`);
  expectSame("rotate: number of frequencies", headDim / 2, frequencies.length);
  return x.shape;
}

export function attentionShape(q: Tensor, k: Tensor, v: Tensor, { heads, kvHeads, headDim, window = 1 }: AttentionOptions): Size {
  expectCount("attention: window", window);
  expectCount("attention: heads", heads);
  expectCount("attention: kvHeads", kvHeads);
  expectCount("attention: headDim", headDim);
  if (window !== undefined) expectCount("attention: window", window);
  if (heads % kvHeads !== 0) throw new ExecutorError(`attention: kvHeads: expected a divisor of ${heads} heads, found ${kvHeads}`);
  expectSame("attention: q", formatShape([q.shape[0], heads * headDim]), formatShape(q.shape));
  expectSame("attention: k", formatShape([q.shape[0], kvHeads * headDim]), formatShape(k.shape));
  expectSame("attention: v", formatShape([q.shape[0], kvHeads * headDim]), formatShape(v.shape));
  return q.shape;
}

/** siluMul, add, difference and divergence take two tensors of one shape. */
export function pairShape(op: string, a: Tensor, b: Tensor): Size {
  expectSame(`${op}: shape of the second tensor`, formatShape(a.shape), formatShape(b.shape));
  return a.shape;
}

export function checkRead(x: Tensor, firstRow: number, rows: number): void {
  const whole = Number.isSafeInteger(firstRow) && Number.isSafeInteger(rows);
  if (!whole || firstRow < 0 || rows < 0 || firstRow + rows > x.shape[0]) {
    throw new ExecutorError(`read: expected rows within [0, ${x.shape[0]}), found [${firstRow}, ${firstRow + rows})`);
  }
}

export function checkTopK(logits: Tensor, rows: readonly number[], k: number): void {
  const [length, columns] = logits.shape;
  if (!Number.isSafeInteger(k) || k < 1 || k > columns) throw new ExecutorError(`topK: k: expected 1 to ${columns}, found ${k}`);
  for (const row of rows) {
    if (!Number.isSafeInteger(row) || row < 0 || row >= length) {
      throw new ExecutorError(`topK: row: expected one within [0, ${length}), found ${row}`);
    }
  }
}
