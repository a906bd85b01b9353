// What a forward runs on: a small closed set of ops over opaque tensors, and the few small results that may leave the device.
// Every executor (cpu, webgpu, cuda) implements exactly this; the CPU's is the oracle of the others.
//
// Shape letters: T tokens · H width of a row · O rows of a weight · A heads · K key/value heads · D head size · V vocabulary.

import type { Store } from "../store/store.js";
import type { DType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";

/** Where a result is rounded: not at all (it stays float32), or to the nearest bfloat16, ties to even. */
export type Rounding = "none" | "bf16";

/** A weight on disk: row-major, little-endian. An executor reads it in parts of whole rows and keeps none of it after the op. */
export interface Weight {
  readonly file: string;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A float32 matrix [T, H] on the executor's device. Opaque: only its shape can be seen; its values leave through the reads below. */
export interface Tensor {
  readonly shape: readonly [rows: number, columns: number];
}

export interface EmbedOptions {
  /** The first vocabulary row that this table holds; a token outside of it gives a row of zeros, as a vocabulary-parallel rank does. */
  readonly firstRow: number;
}

export interface RmsNormOptions {
  readonly epsilon: number;
  /** Of x̂ = x / sqrt(mean(x²) + ε), before the weight is applied. */
  readonly roundNormalized: Rounding;
  /** Of x̂ · weight. */
  readonly round: Rounding;
}

export interface LayerNormOptions {
  readonly epsilon: number;
  /** Of (x − mean) / sqrt(variance + ε) · weight + bias, the variance taken about the mean. */
  readonly round: Rounding;
}

export interface LinearOptions {
  /** [O], added to the float32 sums. */
  readonly bias?: Weight;
  readonly round: Rounding;
}

export interface RotateOptions {
  /** D; a row is whole heads of this size. */
  readonly headDim: number;
  /** [D/2] radians per position, float32 values. The row's number is its position; an angle is their float32 product. */
  readonly frequencies: Float32Array;
  /** A factor on cos and sin; 1 save for some RoPE scalings. */
  readonly tableFactor: number;
  /** false: element p pairs with p + D/2 (half-split); true: 2p with 2p + 1. */
  readonly interleaved: boolean;
  /** Of cos and sin. */
  readonly roundTable: Rounding;
  /** Of each of the two products, before they are added. */
  readonly roundProducts: Rounding;
  /** Of the sum. */
  readonly round: Rounding;
}

export interface AttentionOptions {
  readonly heads: number; // A
  readonly kvHeads: number; // K; divides A: query head a uses key/value head floor(a / (A / K))
  readonly headDim: number; // D
  /** On the scores; 1 / sqrt(D) as a rule. */
  readonly scale: number;
  /** The last keys that a query sees, its own position's included; all of them by default. */
  readonly window?: number | undefined;
  /**
   * With `round` "bf16" (with "none" the two are one function):
   * `fused`: scores, their maximum and the sum l of p = exp(score·scale − max) in float32; round(p) · V, divided by l, rounded once.
   * `eager`: rounded are the scores, the scaled scores, the probabilities p / l, and their product with V.
   */
  readonly kind: "fused" | "eager";
  readonly round: Rounding;
}

export interface SiluMulOptions {
  /** Of silu(gate) = gate / (1 + exp(−gate)). */
  readonly roundSilu: Rounding;
  /** Of silu(gate) · up. */
  readonly round: Rounding;
}

/**
 * What makes tensors. An op resolves once it has been accepted, which may be before it has run; a fault of the device or of a
 * file may then reject a later op or read. Sums accumulate in float32 or wider.
 */
export interface Ops {
  /** Rows of a table [rows, H], one per token. @returns [T, H] */
  embed(table: Weight, tokens: Uint32Array, options: EmbedOptions): Promise<Tensor>;
  /** @param weight - [H] @returns [T, H] */
  rmsNorm(x: Tensor, weight: Weight, options: RmsNormOptions): Promise<Tensor>;
  /** @param weight - [H] @param bias - [H] @returns [T, H] */
  layerNorm(x: Tensor, weight: Weight, bias: Weight, options: LayerNormOptions): Promise<Tensor>;
  /** x · Wᵀ (+ bias). @param weight - [O, H] @returns [T, O] */
  linear(x: Tensor, weight: Weight, options: LinearOptions): Promise<Tensor>;
  /** Columns [start, stop) of x. @returns [T, stop − start] */
  columns(x: Tensor, start: number, stop: number): Promise<Tensor>;
  /** Tensors of the same T side by side. @returns [T, sum of widths] */
  joinColumns(parts: readonly Tensor[]): Promise<Tensor>;
  /** RoPE on whole heads. @returns [T, H] */
  rotate(x: Tensor, options: RotateOptions): Promise<Tensor>;
  /** Causal grouped-query attention, of a sliding window where one is asked for. @param q - [T, A·D] @param k - [T, K·D] @param v - [T, K·D] @returns [T, A·D] */
  attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Promise<Tensor>;
  /** silu(gate) · up, element by element. @returns [T, H] */
  siluMul(gate: Tensor, up: Tensor, options: SiluMulOptions): Promise<Tensor>;
  /** 0.5x · (1 + tanh(√(2/π) · (x + 0.044715x³))), element by element, rounded once. @returns [T, H] */
  geluTanh(x: Tensor, round: Rounding): Promise<Tensor>;
  /** a + b, element by element: a residual, or the partial sums of two ranks. @returns [T, H] */
  add(a: Tensor, b: Tensor, round: Rounding): Promise<Tensor>;
  /** x · W, of a weight that is stored with its axes the other way. @param weight - [H, O] @returns [T, O] */
  linearTransposed(x: Tensor, weight: Weight, round: Rounding): Promise<Tensor>;
  /** These rows of x, in this order; one may be taken several times. @returns [rows, H] */
  takeRows(x: Tensor, rows: Uint32Array): Promise<Tensor>;
  /** Tensors of the same width one below the other. @returns [sum of T, H] */
  joinRows(parts: readonly Tensor[]): Promise<Tensor>;
  /** Each row of x times its factor. @param factors - [T] @returns [T, H] */
  scaleRows(x: Tensor, factors: Float32Array, round: Rounding): Promise<Tensor>;
}

/** A token with its logit and its softmax probability in its row. */
export interface Candidate {
  readonly token: number;
  readonly logit: number;
  readonly probability: number;
}

/** How far two tensors of one shape are apart, over all their elements. */
export interface Difference {
  readonly numElements: number;
  /** Elements with the same float32 bits. */
  readonly bitEqual: number;
  /** NaN when any element of either is NaN, so that no limit passes it. */
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** Root of the mean square of a's elements, and of b's: the scale against which maxAbs is large or small. Not finite when an element is not. */
  readonly rmsA: number;
  readonly rmsB: number;
  /** Where maxAbs is found. */
  readonly row: number;
  readonly column: number;
}

/** The small results that leave the device. A tensor may be released as soon as a read of it has been asked for. */
export interface Reads {
  /** Rows [firstRow, firstRow + rows) of x, row-major. */
  read(x: Tensor, firstRow: number, rows: number): Promise<Float32Array>;
  /** The column of each row's largest element, the first of equals. @returns [T] */
  argmax(x: Tensor): Promise<Uint32Array>;
  /** The k largest of each named row, largest first, equals by token. */
  topK(logits: Tensor, rows: readonly number[], k: number): Promise<Candidate[][]>;
  difference(a: Tensor, b: Tensor): Promise<Difference>;
  /** KL(softmax(a) ‖ softmax(b)) of each row, in nats. @returns [T] */
  divergence(a: Tensor, b: Tensor): Promise<Float64Array>;
}

/** Where an executor's time went since it was opened. The parts overlap: files are read and copied while the device computes. */
export interface Timings {
  readonly wallSeconds: number;
  /** While at least one weight was being read from its file. */
  readonly readSeconds: number;
  /** While at least one weight was on its way to the device, waits for the device's queue included. */
  readonly uploadSeconds: number;
  /** Of the device in its kernels; null where it has no clock. */
  readonly computeSeconds: number | null;
}

export interface Executor extends Ops, Reads {
  readonly name: string;
  /** What it runs on, in words. */
  readonly device: string;
  /** Give tensors' memory back; using one afterwards is an error, releasing it again is none. */
  release(...tensors: readonly Tensor[]): void;
  /** Of executors that measure. */
  timings?(): Promise<Timings>;
  /** Give everything back: memory, files, threads, the device. */
  close(): Promise<void>;
}

/** An executor that may or may not work here. */
export interface ExecutorProvider {
  readonly name: string;
  /** @returns undefined when it works here, else why not and what would help, one line */
  unavailable(): Promise<string | undefined>;
  /** @returns undefined when `auto` may take it where it works, else why it should rather not, one line */
  unsuited?(): Promise<string | undefined>;
  /** What it would run on here, in words; undefined when it cannot run. */
  device?(): Promise<string | undefined>;
  /** @param store - where the weights' files are read from */
  open(store: Store): Promise<Executor>;
}
