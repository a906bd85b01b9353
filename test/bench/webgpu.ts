// How fast the GPU executor's kernels are here: `node dist/test/bench/webgpu.js [tokens]`. It prints TFLOP/s by the GPU's own clock.

import { USAGE } from "../../core/executor/webgpu/constants.js";
import { describeAdapter, findAdapter } from "../../core/executor/webgpu/dawn.js";
import { Gpu } from "../../core/executor/webgpu/gpu.js";
import { attentionKernel, QUERIES } from "../../core/executor/webgpu/kernels/attention.js";
import { Multiplier } from "../../core/executor/webgpu/multiplier.js";

const REPEATS = 20;
const rows = Number(process.argv[2] ?? 512);

const found = await findAdapter();
if (typeof found === "string") throw new Error(found);
const gpu = await Gpu.open(found);
console.log(`${describeAdapter(found.adapter)}, ${rows} tokens`);

const buffer = (byteLength: number): GPUBuffer =>
  gpu.device.createBuffer({ size: byteLength, usage: USAGE.storage | USAGE.copySource | USAGE.copyTarget });

/** Random halves of bfloat16 and random float32 alike are numbers between 0.5 and 2 in size. */
function filled(byteLength: number): GPUBuffer {
  const words = new Uint32Array(Math.min(byteLength, 1 << 24) / 4).map(
    () => 0x3f003f00 + ((Math.random() * 0xff) << 16) + ((Math.random() * 0xff) | 0),
  );
  const made = buffer(byteLength);
  for (let at = 0; at < byteLength; at += words.byteLength) {
    gpu.device.queue.writeBuffer(made, at, words, 0, Math.min(words.length, (byteLength - at) / 4));
  }
  return made;
}

/** Seconds of one run by the GPU's clock, the mean of some after one that compiles. */
async function seconds(run: () => void, out: GPUBuffer): Promise<number> {
  run();
  await gpu.read(out, 0, 4);
  const before = (await gpu.stopwatch.computeSeconds()) ?? Number.NaN;
  for (let repeat = 0; repeat < REPEATS; repeat++) run();
  await gpu.read(out, 0, 4);
  return (((await gpu.stopwatch.computeSeconds()) ?? Number.NaN) - before) / REPEATS;
}

function report(what: string, operations: number, time: number): void {
  console.log(`${what}: ${(time * 1e3).toFixed(3)} ms, ${(operations / time / 1e12).toFixed(2)} TFLOP/s`);
}

const multiplier = new Multiplier(gpu);
for (const [width, outWidth] of [
  [4096, 14336],
  [4096, 4096],
  [14336, 4096],
  [4096, 1024],
  [4096, 16384],
  [7168, 4096],
] as const) {
  for (const dtype of ["BF16", "F32"] as const) {
    const [input, weight] = [filled(rows * width * 4), filled(outWidth * width * (dtype === "F32" ? 4 : 2))];
    const out = buffer(rows * outWidth * 4);
    const part = { firstRow: 0, rows: outWidth, buffer: weight };
    const run = () => multiplier.run({ rows, width, outWidth, dtype, round: "none" }, part, { input, bias: undefined, out });
    report(`linear ${dtype} ${rows} × ${width} × ${outWidth}`, 2 * rows * width * outWidth, await seconds(run, out));
    for (const each of [input, weight, out]) each.destroy();
  }
}
for (const [heads, kvHeads, headDim] of [
  [32, 8, 128],
  [16, 4, 128],
] as const) {
  const [q, k] = [filled(rows * heads * headDim * 4), filled(rows * kvHeads * headDim * 4)];
  const out = buffer(rows * heads * headDim * 4);
  const kernel = attentionKernel({ heads, kvHeads, headDim, scale: headDim ** -0.5, kind: "fused", round: "none" });
  const params = { rows, heads, kvHeads, window: rows, scale: headDim ** -0.5 };
  const run = () => gpu.run(kernel, [q, k, k, out], params, [Math.ceil(rows / QUERIES), heads]);
  report(`attention ${rows} tokens, ${heads} heads on ${kvHeads}`, 2 * rows * rows * headDim * heads, await seconds(run, out));
}
gpu.close();
