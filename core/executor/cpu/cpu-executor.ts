// The reference executor: plain TypeScript over Float32Array, weights read in blocks. It needs nothing but Node.

import { availableParallelism, cpus } from "node:os";
import { ExecutorError } from "../../errors.js";
import { inParallel } from "../../parallel.js";
import { OpenFiles } from "../../store/open-files.js";
import type { Store } from "../../store/store.js";
import type {
  AttentionOptions,
  Candidate,
  Difference,
  EmbedOptions,
  Executor,
  LayerNormOptions,
  LinearOptions,
  RmsNormOptions,
  RotateOptions,
  Rounding,
  SiluMulOptions,
  Tensor,
  Weight,
} from "../executor.js";
import { Handles } from "../handles.js";
import * as rowShapes from "../row-shapes.js";
import * as shapes from "../shapes.js";
import { argmaxRow, topKRow } from "./kernels/candidates.js";
import { copyColumns } from "./kernels/columns.js";
import { difference, divergenceRow } from "./kernels/distance.js";
import { add, siluMul } from "./kernels/elementwise.js";
import { geluTanh } from "./kernels/gelu.js";
import { layerNorm } from "./kernels/layer-norm.js";
import { finish } from "./kernels/linear.js";
import { rmsNorm } from "./kernels/rms-norm.js";
import { rotate } from "./kernels/rotate.js";
import { scaleRows, takeRows } from "./kernels/rows.js";
import { Threads } from "./threads.js";
import { allocate, allocateSums, forEachBlock, readRow, readWhole } from "./weights.js";

export const cpuDevice = (): string => `${cpus()[0]?.model.trim() ?? "CPU"}, ${availableParallelism()} cores`;

/** Rows of an embedding that are read at once. */
const ROW_READS = 8;

/** A layer's weights lie in one to some ten files; systems give a process 256 open files or more. */
const MAX_IDLE_FILES = 16;

export class CpuExecutor implements Executor {
  readonly name = "cpu";
  readonly device = cpuDevice();
  private readonly handles = new Handles<Float32Array>("cpu");
  private readonly files: OpenFiles;
  private readonly threads = new Threads();

  constructor(store: Store) {
    this.files = new OpenFiles(store, MAX_IDLE_FILES, () => new ExecutorError("the cpu executor was closed", { hint: "open another one" }));
  }

  async embed(table: Weight, tokens: Uint32Array, options: EmbedOptions): Promise<Tensor> {
    const shape = shapes.embedShape(table, tokens, options);
    const [rows, width] = table.shape as [number, number];
    const out = allocate("embed", shape[0] * width);
    await inParallel([...tokens], ROW_READS, async (token, at) => {
      const row = token - options.firstRow;
      if (row >= 0 && row < rows) await readRow(this.files, table, row, out.subarray(at * width, (at + 1) * width));
    });
    return this.handles.make(shape, out);
  }

  async rmsNorm(x: Tensor, weight: Weight, options: RmsNormOptions): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = shapes.rmsNormShape(x, weight);
    const scales = await readWhole(this.files, weight);
    return this.fill("rmsNorm", shape, (out) => rmsNorm(values, scales, out, options, 0, shape[0]));
  }

  async layerNorm(x: Tensor, weight: Weight, bias: Weight, options: LayerNormOptions): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = shapes.layerNormShape(x, weight, bias);
    const [scales, shifts] = [await readWhole(this.files, weight), await readWhole(this.files, bias)];
    const tensors = { x: values, weight: scales, bias: shifts };
    return this.fill("layerNorm", shape, (out) => layerNorm({ ...tensors, out }, options, 0, shape[0]));
  }

  async linear(x: Tensor, weight: Weight, options: LinearOptions): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = shapes.linearShape(x, weight, options);
    const [rows, outWidth] = shape;
    const width = x.shape[1];
    const out = allocate("linear", rows * outWidth);
    await forEachBlock(this.files, weight, ({ firstRow, rows: weightRows, bytes }) =>
      this.threads.perform({
        op: "linear",
        x: values,
        out,
        bytes,
        dtype: weight.dtype,
        weightRows,
        width,
        outWidth,
        firstColumn: firstRow,
      }),
    );
    const bias = options.bias === undefined ? undefined : await readWhole(this.files, options.bias);
    finish(out, outWidth, bias, options.round, 0, rows);
    return this.handles.make(shape, out);
  }

  async columns(x: Tensor, start: number, stop: number): Promise<Tensor> {
    const from = { values: this.handles.get(x), stride: x.shape[1], offset: start };
    const shape = shapes.columnsShape(x, start, stop);
    const [rows, width] = shape;
    return this.fill("columns", shape, (values) => copyColumns(from, { values, stride: width, offset: 0 }, width, 0, rows));
  }

  async joinColumns(parts: readonly Tensor[]): Promise<Tensor> {
    const pieces = parts.map((part) => ({ values: this.handles.get(part), stride: part.shape[1], offset: 0 }));
    const shape = shapes.joinColumnsShape(parts);
    return this.fill("joinColumns", shape, (values) => {
      let offset = 0;
      for (const piece of pieces) {
        copyColumns(piece, { values, stride: shape[1], offset }, piece.stride, 0, shape[0]);
        offset += piece.stride;
      }
    });
  }

  async rotate(x: Tensor, options: RotateOptions): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = shapes.rotateShape(x, options);
    return this.fill("rotate", shape, (out) => rotate(values, out, shape[1], options, 0, shape[0]));
  }

  async attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Promise<Tensor> {
    const [queries, keys, values] = [this.handles.get(q), this.handles.get(k), this.handles.get(v)];
    const shape = shapes.attentionShape(q, k, v, options);
    const out = allocate("attention", shape[0] * shape[1]);
    await this.threads.perform({ op: "attention", q: queries, k: keys, v: values, out, options, start: 0, stop: options.heads });
    return this.handles.make(shape, out);
  }

  async siluMul(gate: Tensor, up: Tensor, options: SiluMulOptions): Promise<Tensor> {
    const [gates, ups] = [this.handles.get(gate), this.handles.get(up)];
    const shape = shapes.pairShape("siluMul", gate, up);
    return this.fill("siluMul", shape, (out) => siluMul(gates, ups, out, options, 0, out.length));
  }

  async geluTanh(x: Tensor, round: Rounding): Promise<Tensor> {
    const values = this.handles.get(x);
    return this.fill("geluTanh", x.shape, (out) => geluTanh(values, out, round, 0, out.length));
  }

  async add(a: Tensor, b: Tensor, round: Rounding): Promise<Tensor> {
    const [left, right] = [this.handles.get(a), this.handles.get(b)];
    const shape = shapes.pairShape("add", a, b);
    return this.fill("add", shape, (out) => add(left, right, out, round, 0, out.length));
  }

  async linearTransposed(x: Tensor, weight: Weight, round: Rounding): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = rowShapes.linearTransposedShape(x, weight);
    const [rows, outWidth] = shape;
    const sums = allocateSums("linearTransposed", rows * outWidth);
    const product = {
      op: "linearTransposed",
      x: values,
      sums,
      dtype: weight.dtype,
      width: x.shape[1],
      outWidth,
      start: 0,
      stop: outWidth,
    } as const;
    await forEachBlock(this.files, weight, ({ firstRow, rows: weightRows, bytes }) =>
      this.threads.perform({ ...product, bytes, firstRow, weightRows }),
    );
    return this.fill("linearTransposed", shape, (out) => {
      out.set(sums);
      finish(out, outWidth, undefined, round, 0, rows);
    });
  }

  async takeRows(x: Tensor, rows: Uint32Array): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = rowShapes.takeRowsShape(x, rows);
    return this.fill("takeRows", shape, (out) => takeRows(values, rows, shape[1], out));
  }

  async joinRows(parts: readonly Tensor[]): Promise<Tensor> {
    const pieces = parts.map((part) => this.handles.get(part));
    const shape = rowShapes.joinRowsShape(parts);
    return this.fill("joinRows", shape, (out) => {
      let at = 0;
      for (const piece of pieces) {
        out.set(piece, at);
        at += piece.length;
      }
    });
  }

  async scaleRows(x: Tensor, factors: Float32Array, round: Rounding): Promise<Tensor> {
    const values = this.handles.get(x);
    const shape = rowShapes.scaleRowsShape(x, factors);
    return this.fill("scaleRows", shape, (out) => scaleRows(values, factors, shape[1], out, round));
  }

  async read(x: Tensor, firstRow: number, rows: number): Promise<Float32Array> {
    const values = this.handles.get(x);
    shapes.checkRead(x, firstRow, rows);
    return new Float32Array(values.subarray(firstRow * x.shape[1], (firstRow + rows) * x.shape[1]));
  }

  async argmax(x: Tensor): Promise<Uint32Array> {
    return Uint32Array.from(this.rowsOf(x), argmaxRow);
  }

  async topK(logits: Tensor, rows: readonly number[], k: number): Promise<Candidate[][]> {
    const all = this.rowsOf(logits);
    shapes.checkTopK(logits, rows, k);
    return rows.map((row) => topKRow(all[row] as Float32Array, k));
  }

  async difference(a: Tensor, b: Tensor): Promise<Difference> {
    const [left, right] = [this.handles.get(a), this.handles.get(b)];
    const [, width] = shapes.pairShape("difference", a, b);
    return difference(left, right, width);
  }

  async divergence(a: Tensor, b: Tensor): Promise<Float64Array> {
    const [left, right] = [this.rowsOf(a), this.rowsOf(b)];
    shapes.pairShape("divergence", a, b);
    return Float64Array.from(left, (row, index) => divergenceRow(row, right[index] as Float32Array));
  }

  release(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.handles.release(tensor);
  }

  async close(): Promise<void> {
    this.handles.close();
    await this.threads.close();
    await this.files.close();
  }

  private fill(op: string, shape: Tensor["shape"], write: (out: Float32Array) => void): Tensor {
    const out = allocate(op, shape[0] * shape[1]);
    write(out);
    return this.handles.make(shape, out);
  }

  private rowsOf(x: Tensor): Float32Array[] {
    const values = this.handles.get(x);
    return Array.from({ length: x.shape[0] }, (_, row) => values.subarray(row * x.shape[1], (row + 1) * x.shape[1]));
  }
}
