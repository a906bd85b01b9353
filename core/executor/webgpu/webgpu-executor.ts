// The GPU executor: every op is queued on the device as soon as its weights are there, and nothing waits but the reads.

import { ExecutorError } from "../../errors.js";
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
  Timings,
  Weight,
} from "../executor.js";
import * as rowShapes from "../row-shapes.js";
import * as shapes from "../shapes.js";
import { Buffers } from "./buffers.js";
import { describeAdapter, type Loaded } from "./dawn.js";
import { Gatherer } from "./gather.js";
import { Gpu } from "./gpu.js";
import { attentionKernel, QUERIES } from "./kernels/attention.js";
import { addKernel, COPY_COLUMNS, rotateKernel, siluMulKernel } from "./kernels/elementwise.js";
import { geluTanhKernel } from "./kernels/gelu.js";
import { type Kernel, spread, THREADS } from "./kernels/kernel.js";
import { layerNormKernel } from "./kernels/layer-norm.js";
import { linearTransposedKernel } from "./kernels/linear-transposed.js";
import { rmsNormKernel } from "./kernels/rms-norm.js";
import { PUT_ROWS, scaleRowsKernel, TAKE_ROWS } from "./kernels/whole-rows.js";
import { Multiplier } from "./multiplier.js";
import { Reader } from "./reader.js";
import { RotationTables } from "./rotation-tables.js";
import { SmallWeights } from "./small-weights.js";
import { Staging } from "./staging.js";
import { Values } from "./values.js";
import { Weights } from "./weights.js";

export class WebgpuExecutor implements Executor {
  readonly name = "webgpu";
  private readonly opened = performance.now();
  private readonly buffers: Buffers;
  private readonly values: Values;
  private readonly files: OpenFiles;
  private readonly staging: Staging;
  private readonly weights: Weights;
  private readonly small: SmallWeights;
  private readonly gatherer: Gatherer;
  private readonly multiplier: Multiplier;
  private readonly tables: RotationTables;
  private readonly reader: Reader;

  private constructor(
    private readonly gpu: Gpu,
    readonly device: string,
    store: Store,
    partBytes?: number,
  ) {
    this.buffers = new Buffers(gpu);
    this.values = new Values(this.buffers);
    this.files = new OpenFiles(store);
    this.staging = new Staging(gpu, this.files);
    this.weights = new Weights(this.buffers, this.staging, partBytes);
    this.small = new SmallWeights(gpu, this.buffers, this.files);
    this.gatherer = new Gatherer(gpu, this.buffers, this.staging);
    this.multiplier = new Multiplier(gpu);
    this.tables = new RotationTables(gpu, this.buffers);
    this.reader = new Reader(gpu, this.buffers);
  }

  /**
   * @param partBytes - of a weight that are in GPU memory in one piece; for tests
   * @throws {ExecutorError} the device does not open
   */
  static async open(loaded: Loaded, store: Store, partBytes?: number): Promise<WebgpuExecutor> {
    return new WebgpuExecutor(await Gpu.open(loaded), describeAdapter(loaded.adapter), store, partBytes);
  }

  async embed(table: Weight, tokens: Uint32Array, { firstRow }: EmbedOptions): Promise<Tensor> {
    const shape = shapes.embedShape(table, tokens, { firstRow });
    const gathering = { table, tokens: tokens.slice(), firstRow };
    return this.values.make("embed", shape, [], (out) => this.gatherer.fill(out, gathering));
  }

  async rmsNorm(x: Tensor, weight: Weight, options: RmsNormOptions): Promise<Tensor> {
    this.values.check(x);
    const shape = shapes.rmsNormShape(x, weight);
    const [rows, width] = shape;
    const params = { rows, width, epsilon: options.epsilon };
    const scales = this.small.ahead(weight);
    return this.values.make("rmsNorm", shape, [x], (out, input) =>
      scales.use((buffer) => this.gpu.run(rmsNormKernel(options), [input, buffer, out], params, spread(rows))),
    );
  }

  async layerNorm(x: Tensor, weight: Weight, bias: Weight, options: LayerNormOptions): Promise<Tensor> {
    this.values.check(x);
    const shape = shapes.layerNormShape(x, weight, bias);
    const [rows, width] = shape;
    const params = { rows, width, epsilon: options.epsilon };
    const [scales, shifts] = [this.small.ahead(weight), this.small.ahead(bias)];
    return this.values.make("layerNorm", shape, [x], (out, input) =>
      scales.use((scale) =>
        shifts.use((shift) => this.gpu.run(layerNormKernel(options), [input, scale, shift, out], params, spread(rows))),
      ),
    );
  }

  /** Resolves when all of the weight has begun to be read, so that a forward does not run ahead of its files. */
  async linear(x: Tensor, weight: Weight, options: LinearOptions): Promise<Tensor> {
    this.values.check(x);
    const shape = shapes.linearShape(x, weight, options);
    const product = { rows: shape[0], width: x.shape[1], outWidth: shape[1], dtype: weight.dtype, round: options.round };
    const bias = options.bias === undefined ? undefined : this.small.ahead(options.bias);
    const parts = this.weights.ahead(weight);
    const fill = async (out: GPUBuffer, input: GPUBuffer) => {
      const multiply = (addend?: GPUBuffer) => parts.each((part) => this.multiplier.run(product, part, { input, bias: addend, out }));
      await (bias === undefined ? multiply() : bias.use(multiply));
    };
    const result = this.values.make("linear", shape, [x], fill, parts);
    await parts.accepted;
    return result;
  }

  async columns(x: Tensor, start: number, stop: number): Promise<Tensor> {
    this.values.check(x);
    const shape = shapes.columnsShape(x, start, stop);
    const copy = { width: shape[1], sourceStride: x.shape[1], sourceColumn: start, targetStride: shape[1], targetColumn: 0 };
    return this.values.make("columns", shape, [x], (out, input) => this.perElement(COPY_COLUMNS, [input, out], copy, shape[0] * shape[1]));
  }

  async joinColumns(parts: readonly Tensor[]): Promise<Tensor> {
    this.values.check(...parts);
    const shape = shapes.joinColumnsShape(parts);
    return this.values.make("joinColumns", shape, parts, (out, ...inputs) => {
      let targetColumn = 0;
      for (const [index, input] of inputs.entries()) {
        const width = parts[index]?.shape[1] ?? 0;
        const copy = { width, sourceStride: width, sourceColumn: 0, targetStride: shape[1], targetColumn };
        this.perElement(COPY_COLUMNS, [input, out], copy, shape[0] * width);
        targetColumn += width;
      }
    });
  }

  async rotate(x: Tensor, options: RotateOptions): Promise<Tensor> {
    this.values.check(x);
    const shape = shapes.rotateShape(x, options);
    const [rows, width] = shape;
    const kept = { ...options, frequencies: options.frequencies.slice() };
    const kernel = rotateKernel(options);
    const params = { width, headDim: options.headDim, sines: (rows * options.headDim) / 2 };
    return this.values.make("rotate", shape, [x], (out, input) =>
      this.tables.use(rows, kept, (table) => this.perElement(kernel, [input, table, out], params, (rows * width) / 2)),
    );
  }

  async attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Promise<Tensor> {
    this.values.check(q, k, v);
    const shape = shapes.attentionShape(q, k, v, options);
    const { heads, kvHeads, scale } = options;
    const window = Math.min(options.window ?? shape[0], shape[0]);
    const kernel = attentionKernel(options);
    return this.values.make("attention", shape, [q, k, v], (out, ...inputs) =>
      this.gpu.run(kernel, [...inputs, out], { rows: shape[0], heads, kvHeads, window, scale }, [Math.ceil(shape[0] / QUERIES), heads]),
    );
  }

  async siluMul(gate: Tensor, up: Tensor, options: SiluMulOptions): Promise<Tensor> {
    return this.pairwise("siluMul", gate, up, siluMulKernel(options));
  }

  async geluTanh(x: Tensor, round: Rounding): Promise<Tensor> {
    this.values.check(x);
    const [rows, columns] = x.shape;
    return this.values.make("geluTanh", x.shape, [x], (out, input) =>
      this.perElement(geluTanhKernel(round), [input, out], {}, rows * columns),
    );
  }

  async add(a: Tensor, b: Tensor, round: Rounding): Promise<Tensor> {
    return this.pairwise("add", a, b, addKernel(round));
  }

  async linearTransposed(x: Tensor, weight: Weight, round: Rounding): Promise<Tensor> {
    this.values.check(x);
    const shape = rowShapes.linearTransposedShape(x, weight);
    const [rows, outWidth] = shape;
    const kernel = linearTransposedKernel(weight.dtype, round);
    const params = { width: x.shape[1], outWidth };
    const parts = this.weights.ahead(weight);
    const fill = (out: GPUBuffer, input: GPUBuffer) =>
      parts.each(({ firstRow, rows: weightRows, buffer }) => {
        const place = { isFirst: Number(firstRow === 0), isLast: Number(firstRow + weightRows === x.shape[1]) };
        this.perElement(kernel, [input, buffer, out], { ...params, ...place, firstRow, weightRows }, rows * outWidth);
      });
    const result = this.values.make("linearTransposed", shape, [x], fill, parts);
    await parts.accepted;
    return result;
  }

  async takeRows(x: Tensor, rows: Uint32Array): Promise<Tensor> {
    this.values.check(x);
    const shape = rowShapes.takeRowsShape(x, rows);
    const kept = rows.slice();
    return this.values.make("takeRows", shape, [x], (out, input) =>
      this.withList(kept, (list) => this.perElement(TAKE_ROWS, [input, list, out], { width: shape[1] }, shape[0] * shape[1])),
    );
  }

  async joinRows(parts: readonly Tensor[]): Promise<Tensor> {
    this.values.check(...parts);
    const shape = rowShapes.joinRowsShape(parts);
    return this.values.make("joinRows", shape, parts, (out, ...inputs) => {
      let first = 0;
      for (const [index, input] of inputs.entries()) {
        const count = (parts[index]?.shape[0] ?? 0) * shape[1];
        this.perElement(PUT_ROWS, [input, out], { first }, count);
        first += count;
      }
    });
  }

  async scaleRows(x: Tensor, factors: Float32Array, round: Rounding): Promise<Tensor> {
    this.values.check(x);
    const shape = rowShapes.scaleRowsShape(x, factors);
    const kept = factors.slice();
    const kernel = scaleRowsKernel(round);
    return this.values.make("scaleRows", shape, [x], (out, input) =>
      this.withList(kept, (list) => this.perElement(kernel, [input, list, out], { width: shape[1] }, shape[0] * shape[1])),
    );
  }

  async read(x: Tensor, firstRow: number, rows: number): Promise<Float32Array> {
    this.values.check(x);
    shapes.checkRead(x, firstRow, rows);
    const rowBytes = x.shape[1] * 4;
    return this.values.use(
      [x],
      async (buffer) => new Float32Array(await this.gpu.read(buffer as GPUBuffer, firstRow * rowBytes, rows * rowBytes)),
    );
  }

  async argmax(x: Tensor): Promise<Uint32Array> {
    return this.values.use([x], (buffer) => this.reader.argmax(buffer as GPUBuffer, ...x.shape));
  }

  async topK(logits: Tensor, rows: readonly number[], k: number): Promise<Candidate[][]> {
    this.values.check(logits);
    shapes.checkTopK(logits, rows, k);
    return this.values.use([logits], (buffer) => this.reader.topK(buffer as GPUBuffer, rows, logits.shape[1], k));
  }

  async difference(a: Tensor, b: Tensor): Promise<Difference> {
    this.values.check(a, b);
    const shape = shapes.pairShape("difference", a, b);
    return this.values.use([a, b], (left, right) => this.reader.difference(left as GPUBuffer, right as GPUBuffer, ...shape));
  }

  async divergence(a: Tensor, b: Tensor): Promise<Float64Array> {
    this.values.check(a, b);
    const shape = shapes.pairShape("divergence", a, b);
    return this.values.use([a, b], (left, right) => this.reader.divergence(left as GPUBuffer, right as GPUBuffer, ...shape));
  }

  release(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.values.release(tensor);
  }

  async timings(): Promise<Timings> {
    const { reading, uploading } = this.gpu.stopwatch;
    const computeSeconds = (await this.gpu.stopwatch.computeSeconds()) ?? null;
    await this.gpu.assertSound();
    const wallSeconds = (performance.now() - this.opened) / 1000;
    return { wallSeconds, readSeconds: reading.seconds, uploadSeconds: uploading.seconds, computeSeconds };
  }

  async close(): Promise<void> {
    const error = new ExecutorError(`the ${this.name} executor was closed`, { hint: "open another one" });
    const ended = this.values.close();
    this.weights.close(error);
    await this.staging.close(error);
    this.gpu.close();
    await ended;
    await this.files.close();
  }

  private pairwise(op: string, a: Tensor, b: Tensor, kernel: Kernel): Tensor {
    this.values.check(a, b);
    const shape = shapes.pairShape(op, a, b);
    return this.values.make(op, shape, [a, b], (out, left, right) =>
      this.perElement(kernel, [left as GPUBuffer, right as GPUBuffer, out], {}, shape[0] * shape[1]),
    );
  }

  /** Numbers of the host's, in a buffer that is valid until `work` has ended. */
  private async withList(list: Uint32Array | Float32Array, work: (buffer: GPUBuffer) => void): Promise<void> {
    const buffer = await this.buffers.take("list", list.byteLength);
    try {
      this.gpu.device.queue.writeBuffer(buffer, 0, list as Uint32Array<ArrayBuffer>);
      work(buffer);
    } finally {
      this.buffers.give(buffer);
    }
  }

  private perElement(kernel: Kernel, buffers: readonly GPUBuffer[], params: Readonly<Record<string, number>>, count: number): void {
    this.gpu.run(kernel, buffers, { ...params, count }, spread(Math.ceil(count / THREADS)));
  }
}
