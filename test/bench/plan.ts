// How long compiling and proving a plan takes for the published models, from headers alone: medians of seven after a warm-up.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "../../core/index.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const RUNS = 7;
const models = {
  "Llama 3 8B": { hidden: 4096, ffn: 14336, layers: 32, heads: 32, kvHeads: 8, vocab: 128256 },
  "Llama 3 70B": { hidden: 8192, ffn: 28672, layers: 80, heads: 64, kvHeads: 8, vocab: 128256 },
};

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const scratch = mkdtempSync(join(tmpdir(), "weighbridge-bench-"));
try {
  const engine = createEngine();
  console.log("reading headers, compiling and proving    segments   median ms");
  for (const [name, widths] of Object.entries(models)) {
    const folder = join(scratch, name);
    writeSparseModel(folder, widths);
    for (const tp of [1, 2, 8]) {
      for (const pp of [1, 4]) {
        for (const ropeInterleaved of [false, true]) {
          const times: number[] = [];
          let segments = 0;
          for (let run = 0; run <= RUNS; run++) {
            const start = performance.now();
            ({ segments } = (await engine.plan(folder, { to: "nanotron", tp, pp, ropeInterleaved })).cost);
            if (run > 0) times.push(performance.now() - start);
          }
          const what = `${name}, TP ${tp}, PP ${pp}${ropeInterleaved ? ", interleaved" : ""}`;
          console.log(`${what.padEnd(40)} ${String(segments).padStart(9)} ${median(times).toFixed(0).padStart(11)}`);
        }
      }
    }
  }
} finally {
  rmSync(scratch, { recursive: true });
}
