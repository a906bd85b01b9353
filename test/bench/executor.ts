// How fast the CPU executor is here: `node dist/test/bench/executor.js`. It prints GFLOP/s of linear, and the time of attention.

import { cpuProvider } from "../../core/executor/cpu/provider.js";
import type { AttentionOptions, Executor, Tensor } from "../../core/executor/executor.js";
import { FileStore } from "../../core/store/file-store.js";
import { Drawn } from "../helpers/drawn.js";
import { WeightFiles } from "../helpers/weight-files.js";

const TOKENS = 512;
const PRODUCTS: readonly [width: number, outWidth: number][] = [
  [128, 128],
  [128, 512],
  [512, 512],
  [1024, 1024],
  [4096, 1024],
];
const HEADS: readonly [heads: number, kvHeads: number, headDim: number][] = [
  [4, 2, 32],
  [32, 8, 128],
];

const files = new WeightFiles();
const drawn = new Drawn(files, 1);
const executor = await cpuProvider.open(new FileStore());
console.log(`${executor.name}: ${executor.device}, ${TOKENS} tokens`);

/** The best of a few runs, in milliseconds; the first, which starts threads and compiles, is not counted. */
async function best(run: (executor: Executor) => Promise<Tensor>): Promise<number> {
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 4; repeat++) {
    const start = performance.now();
    executor.release(await run(executor));
    if (repeat > 0) milliseconds = Math.min(milliseconds, performance.now() - start);
  }
  return milliseconds;
}

for (const [width, outWidth] of PRODUCTS) {
  const x = await drawn.put(executor, drawn.matrix(TOKENS, width));
  const weight = drawn.weight(drawn.matrix(outWidth, width, "BF16"), "BF16");
  const milliseconds = await best(() => executor.linear(x, weight, { round: "none" }));
  const speed = (2 * TOKENS * width * outWidth) / milliseconds / 1e6;
  console.log(`linear [${TOKENS}, ${width}] by [${outWidth}, ${width}]: ${milliseconds.toFixed(1)} ms, ${speed.toFixed(2)} GFLOP/s`);
}
for (const [heads, kvHeads, headDim] of HEADS) {
  const [q, k] = [drawn.matrix(TOKENS, heads * headDim), drawn.matrix(TOKENS, kvHeads * headDim)];
  const [queries, keys] = [await drawn.put(executor, q), await drawn.put(executor, k)];
  const options: AttentionOptions = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim), kind: "fused", round: "none" };
  const milliseconds = await best(() => executor.attention(queries, keys, keys, options));
  console.log(`attention, ${heads} heads on ${kvHeads}, head size ${headDim}: ${milliseconds.toFixed(1)} ms`);
}
await executor.close();
files.remove();
