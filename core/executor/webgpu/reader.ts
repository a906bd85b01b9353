// The host's part of the reads: a few words per row come back, and are finished here in float64.

import type { Candidate, Difference } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Gpu } from "./gpu.js";
import { type Kernel, spread } from "./kernels/kernel.js";
import { ARGMAX, DIFFERENCE, DIFFERENCE_WORDS, DIVERGENCE, DIVERGENCE_WORDS } from "./kernels/reads.js";
import { TOP_K, TOP_K_HEAD } from "./kernels/top-k.js";

/** The same words as integers and as floats. */
interface Words {
  readonly ints: Uint32Array;
  readonly floats: Float32Array;
}

export class Reader {
  constructor(
    private readonly gpu: Gpu,
    private readonly buffers: Buffers,
  ) {}

  async argmax(x: GPUBuffer, rows: number, width: number): Promise<Uint32Array> {
    return (await this.perRow(ARGMAX, [x], { rows, width }, 1)).ints;
  }

  async difference(a: GPUBuffer, b: GPUBuffer, rows: number, width: number): Promise<Difference> {
    const { ints, floats } = await this.perRow(DIFFERENCE, [a, b], { rows, width }, DIFFERENCE_WORDS);
    let [bitEqual, largest, row, column, distances, squaresA, squaresB] = [0, 0, 0, 0, 0, 0, 0];
    for (let at = 0; at < ints.length; at += DIFFERENCE_WORDS) {
      const [equal, most, first] = ints.subarray(at, at + 3) as unknown as [number, number, number];
      const [sum, ...squares] = floats.subarray(at + 3, at + DIFFERENCE_WORDS) as unknown as [number, number, number, number, number];
      bitEqual += equal;
      // As bits: NaN, once met, is the largest.
      if (most > largest) [largest, row, column] = [most, at / DIFFERENCE_WORDS, first];
      distances += sum;
      squaresA += sumOfSquares(squares[0], squares[1]);
      squaresB += sumOfSquares(squares[2], squares[3]);
    }
    const numElements = rows * width;
    const maxAbs = new Float32Array(Uint32Array.of(largest).buffer)[0] as number;
    const [rmsA, rmsB] = [Math.sqrt(squaresA / numElements), Math.sqrt(squaresB / numElements)];
    return { numElements, bitEqual, maxAbs, meanAbs: distances / numElements, rmsA, rmsB, row, column };
  }

  async divergence(a: GPUBuffer, b: GPUBuffer, rows: number, width: number): Promise<Float64Array> {
    const { ints, floats } = await this.perRow(DIVERGENCE, [a, b], { rows, width }, DIVERGENCE_WORDS);
    return Float64Array.from({ length: rows }, (_, row) => {
      const divergence = floats[row * DIVERGENCE_WORDS] as number;
      return ints[row * DIVERGENCE_WORDS + 1] === 0 || Number.isNaN(divergence) ? divergence : Number.POSITIVE_INFINITY;
    });
  }

  async topK(x: GPUBuffer, chosen: readonly number[], width: number, k: number): Promise<Candidate[][]> {
    if (chosen.length === 0) return [];
    const list = await this.buffers.take("topK", chosen.length * 4);
    try {
      this.gpu.device.queue.writeBuffer(list, 0, Uint32Array.from(chosen));
      const words = TOP_K_HEAD + 2 * k;
      const { ints, floats } = await this.perRow(TOP_K, [x, list], { rows: chosen.length, width, k }, words);
      return chosen.map((_, row) => candidates(ints, floats, row * words, k));
    } finally {
      this.buffers.give(list);
    }
  }

  private async perRow(
    kernel: Kernel,
    inputs: readonly GPUBuffer[],
    params: Readonly<Record<string, number>> & { readonly rows: number },
    words: number,
  ): Promise<Words> {
    const byteLength = params.rows * words * 4;
    const out = await this.buffers.take(kernel.name, byteLength);
    try {
      this.gpu.run(kernel, [...inputs, out], params, spread(params.rows));
      const bytes = await this.gpu.read(out, 0, byteLength);
      return { ints: new Uint32Array(bytes), floats: new Float32Array(bytes) };
    } finally {
      this.buffers.give(out);
    }
  }
}

/** @param small - the sum of (x·2⁻⁷²)², for when that of x² is beyond float32 */
const sumOfSquares = (sum: number, small: number): number => (sum === Number.POSITIVE_INFINITY ? small * 2 ** 144 : sum);

function candidates(ints: Uint32Array, floats: Float32Array, at: number, k: number): Candidate[] {
  const [largest, total] = [floats[at] as number, floats[at + 1] as number];
  const found = Array.from({ length: k }, (_, index): Candidate => {
    const logit = floats[at + TOP_K_HEAD + 2 * index + 1] as number;
    return { token: ints[at + TOP_K_HEAD + 2 * index] as number, logit, probability: Math.exp(logit - largest) / total };
  });
  return found.sort(byLogit);
}

/** Largest first, NaN last, equals by token. */
function byLogit(a: Candidate, b: Candidate): number {
  if (a.logit > b.logit) return -1;
  if (a.logit < b.logit) return 1;
  return Number(Number.isNaN(a.logit)) - Number(Number.isNaN(b.logit)) || a.token - b.token;
}
