// Larger and odder shapes than the table of ops has, the CPU executor as the oracle: edges of the kernels' tiles, weights in parts,
// long prompts. Inputs are drawn anew each run.

import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { cpuProvider } from "../../core/executor/cpu/provider.js";
import type { Executor, Rounding, Tensor } from "../../core/executor/executor.js";
import { findAdapter, type Loaded } from "../../core/executor/webgpu/dawn.js";
import { webgpuProvider } from "../../core/executor/webgpu/provider.js";
import { WebgpuExecutor } from "../../core/executor/webgpu/webgpu-executor.js";
import { FileStore } from "../../core/store/file-store.js";
import { expectRefusal } from "../executor/conformance.js";
import { Drawn } from "../helpers/drawn.js";
import type { FloatDType } from "../helpers/floats.js";
import { seed, uniform } from "../helpers/random.js";
import type { Matrix } from "../helpers/reference-ops.js";
import { WeightFiles } from "../helpers/weight-files.js";

const found = await findAdapter();
const title = `webgpu against cpu, seed ${seed}`;
if (typeof found === "string") describe.skip(`${title}: skipped, ${found}`, () => suite(undefined));
else describe(title, () => suite(found));

/** A few kilobytes, so that small weights come in parts. */
const PART_BYTES = 20_000;

function suite(loaded: Loaded | undefined): void {
  const drawn = new Drawn(new WeightFiles(), seed);
  let [cpu, gpu]: Executor[] = [];
  before(async () => {
    cpu = await cpuProvider.open(new FileStore());
    if (loaded !== undefined) gpu = await WebgpuExecutor.open(loaded, new FileStore(), PART_BYTES);
  });
  after(async () => {
    await gpu?.close();
    await cpu?.close();
    drawn.files.remove();
  });

  /** Both executors' results of one program, read row by row at the same size. */
  async function both(program: (executor: Executor) => Promise<Tensor>, other = gpu): Promise<[Float32Array, Float32Array]> {
    const results: Float32Array[] = [];
    for (const executor of [cpu, other] as [Executor, Executor]) {
      const tensor = await program(executor);
      results.push(await executor.read(tensor, 0, tensor.shape[0]));
      executor.release(tensor);
    }
    return results as [Float32Array, Float32Array];
  }

  for (const [rows, width, outWidth] of [
    [127, 36, 129],
    [128, 32, 128],
    [129, 68, 257],
    [1, 260, 640],
    [33, 30, 131],
  ] as const) {
    for (const dtype of ["BF16", "F16", "F32"] as const satisfies FloatDType[]) {
      it(`linear, ${dtype} [${rows}, ${width}] by [${outWidth}, ${width}], in parts`, async () => {
        const [x, weight, bias] = [drawn.matrix(rows, width), drawn.matrix(outWidth, width, dtype), drawn.matrix(1, outWidth, dtype)];
        const stored = { weight: drawn.weight(weight, dtype), bias: drawn.vector(bias, dtype) };
        for (const round of ["none", "bf16"] as const) {
          const program = async (executor: Executor) =>
            executor.linear(await drawn.put(executor, x), stored.weight, { round, bias: stored.bias });
          expectAlike(...(await both(program)), round, width);
        }
      });
    }
  }

  for (const [rows, width, outWidth] of [
    [33, 257, 129],
    [128, 36, 1000],
    [1, 640, 260],
  ] as const) {
    for (const dtype of ["BF16", "F16", "F32"] as const satisfies FloatDType[]) {
      it(`linearTransposed, ${dtype} [${rows}, ${width}] by [${width}, ${outWidth}], in parts`, async () => {
        const [x, weight] = [drawn.matrix(rows, width), drawn.matrix(width, outWidth, dtype)];
        const stored = drawn.weight(weight, dtype);
        for (const round of ["none", "bf16"] as const) {
          const program = async (executor: Executor) => executor.linearTransposed(await drawn.put(executor, x), stored, round);
          expectAlike(...(await both(program)), round, width);
        }
      });
    }
  }

  it("linear, enough results for large tiles", async () => {
    const [x, weight] = [drawn.matrix(1537, 36), drawn.matrix(1100, 36, "BF16")];
    const whole = await webgpuProvider.open(new FileStore());
    const program = async (executor: Executor) =>
      executor.linear(await drawn.put(executor, x), drawn.weight(weight, "BF16"), { round: "none" });
    expectAlike(...(await both(program, whole)), "none", 36);
    await whole.close();
  });

  it("divergence of rows that are nearly one, to more than the sums' own precision", async () => {
    const [a, noise] = [drawn.matrix(5, 3000, "F32", 4), drawn.matrix(5, 3000, "F32", 1e-3)];
    const b = { ...a, values: a.values.map((value, i) => Math.fround(value + (noise.values[i] as number))) };
    const found: Float64Array[] = [];
    for (const executor of [cpu, gpu] as [Executor, Executor]) {
      found.push(await executor.divergence(await drawn.put(executor, a), await drawn.put(executor, b)));
    }
    found[1]?.forEach((value, row) => expect(value / (found[0]?.[row] as number)).to.be.closeTo(1, 0.01));
  });

  it("a result larger than the device allows is refused in one line, and the executor goes on", async () => {
    const x = await drawn.put(gpu as Executor, drawn.matrix(1, 4));
    const limit = Math.min(loaded?.adapter.limits.maxStorageBufferBindingSize ?? 0, loaded?.adapter.limits.maxBufferSize ?? 0);
    const rows = 30_000;
    const columns = Math.ceil(limit / rows / 4) + 1;
    const tall = await gpu?.embed(drawn.weight(drawn.matrix(1, 4), "F32"), new Uint32Array(rows), { firstRow: 0 });
    const wide = drawn.weight(drawn.matrix(columns, 4), "F32");
    const asked = async () => gpu?.read((await gpu.linear(tall as Tensor, wide, { round: "none" })) as Tensor, 0, 1);
    await expectRefusal(
      asked(),
      "EXECUTOR",
      new RegExp(`linear: expected at most ${limit} bytes in one buffer of this GPU, found ${rows * columns * 4}`),
    );
    expect((await gpu?.read(x, 0, 1))?.length).to.equal(4);
  });

  it("closing ends what is under way", async () => {
    const closing = await webgpuProvider.open(new FileStore());
    const weight = drawn.weight(drawn.matrix(600, 512, "BF16"), "BF16");
    const x = await drawn.put(closing, drawn.matrix(16, 512));
    const pending = closing.linear(x, weight, { round: "none" }).then((product) => closing.read(product, 0, 1));
    pending.catch(() => undefined);
    await closing.close();
    await expectRefusal(pending, "EXECUTOR", /executor was closed/);
  });

  for (const [rows, heads, kvHeads, headDim] of [
    [63, 8, 8, 20],
    [65, 8, 2, 80],
    [97, 8, 1, 128],
    [40, 2, 1, 256],
  ] as const) {
    it(`attention, ${rows} tokens, ${heads} heads on ${kvHeads}, head size ${headDim}`, async () => {
      const [q, k, v] = [heads, kvHeads, kvHeads].map((count) => drawn.matrix(rows, count * headDim, "BF16")) as [Matrix, Matrix, Matrix];
      for (const [kind, round] of [
        ["fused", "none"],
        ["fused", "bf16"],
        ["eager", "bf16"],
      ] as const) {
        const options = { heads, kvHeads, headDim, scale: Math.fround(headDim ** -0.5), kind, round };
        const put = (executor: Executor, matrix: Matrix) => drawn.put(executor, matrix);
        const program = async (executor: Executor) =>
          executor.attention(await put(executor, q), await put(executor, k), await put(executor, v), options);
        expectAlike(...(await both(program)), round, rows);
      }
    });
  }

  it("products and attention of shapes drawn anew", async () => {
    const next = uniform(seed);
    const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
    const one = <T>(choices: readonly T[]): T => choices[between(0, choices.length - 1)] as T;
    for (let i = 0; i < 15; i++) {
      const [rows, width, outWidth] = [between(20, 150), one([between(1, 9), between(1, 300)]), between(50, 300)];
      const [x, weight] = [drawn.matrix(rows, width), drawn.matrix(outWidth, width, "BF16")];
      const program = async (executor: Executor) =>
        executor.linear(await drawn.put(executor, x), drawn.weight(weight, "BF16"), { round: "none" });
      expectAlike(...(await both(program)), "none", width + 4);
    }
    for (let i = 0; i < 15; i++) {
      const [kvHeads, group, headDim, rows] = [one([1, 2, 3]), one([1, 3, 4, 8]), one([64, 80, 96, 128, between(2, 70)]), between(20, 140)];
      const heads = kvHeads * group;
      const [q, k, v] = [heads, kvHeads, kvHeads].map((count) => drawn.matrix(rows, count * headDim)) as [Matrix, Matrix, Matrix];
      const window = one([undefined, between(1, rows)]);
      const options = { heads, kvHeads, headDim, scale: Math.fround(headDim ** -0.5), window, kind: "fused", round: "none" } as const;
      const program = async (executor: Executor) =>
        executor.attention(await drawn.put(executor, q), await drawn.put(executor, k), await drawn.put(executor, v), options);
      expectAlike(...(await both(program)), "none", rows);
    }
  });

  it("a layer's ops on 4096 tokens", async () => {
    const [rows, width, headDim] = [4096, 32, 16];
    const table = drawn.weight(drawn.matrix(50, width, "BF16"), "BF16");
    const tokens = Uint32Array.from({ length: rows }, (_, i) => (i * 31) % 50);
    const [norm, qkv] = [drawn.vector(drawn.matrix(1, width, "BF16"), "BF16"), drawn.weight(drawn.matrix(64, width, "BF16", 0.2), "BF16")];
    const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 500000 ** ((-2 * i) / headDim));
    const rope = { headDim, frequencies, tableFactor: 1, interleaved: false, roundTable: "none", roundProducts: "none" } as const;
    const program = async (executor: Executor) => {
      const hidden = await executor.embed(table, tokens, { firstRow: 0 });
      const x = await executor.rmsNorm(hidden, norm, { epsilon: 1e-5, roundNormalized: "none", round: "none" });
      const all = await executor.linear(x, qkv, { round: "none" });
      const q = await executor.rotate(await executor.columns(all, 0, 32), { ...rope, round: "none" });
      const k = await executor.rotate(await executor.columns(all, 32, 48), { ...rope, round: "none" });
      const options = { heads: 2, kvHeads: 1, headDim, scale: 0.25, kind: "fused", round: "none" } as const;
      return executor.add(hidden, await executor.attention(q, k, await executor.columns(all, 48, 64), options), "none");
    };
    // The attention's sums run over all rows. At row 3262 of seed 3152604198 SwiftShader's are 5.0e-6 off a float64 computation from the
    // same q, k and v, the CPU's, summed in float64, 6.3e-8; all that comes before the attention adds 3.4e-7.
    expectAlike(...(await both(program)), "none", rows);
  });
}

/** float32 sums of n terms, or the very bfloat16 in all but a few places where a sum lies at a tie. */
function expectAlike(expected: Float32Array, found: Float32Array, round: Rounding, terms: number): void {
  expect(found.length).to.equal(expected.length);
  const scale = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
  let [largest, equal] = [0, 0];
  found.forEach((value, i) => {
    const distance = Math.abs(value - (expected[i] as number));
    if (!(distance <= largest)) largest = distance;
    if (value === expected[i]) equal++;
  });
  if (round === "bf16") expect(equal / found.length).to.be.at.least(0.98);
  else expect(largest / scale).to.be.at.most(8 * Math.sqrt(terms) * 2 ** -23);
}
