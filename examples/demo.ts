// What `npm run demo` runs: the bundled model to Nanotron TP 1 and TP 2, TP 1 to TP 2, and back, each step compared.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "../core/index.js";

const model = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3"));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-demo-"));
const [tp1, tp2, tp1to2, back] = ["tp1", "tp2", "tp1-to-tp2", "back"].map((name) => join(scratch, name)) as [
  string,
  string,
  string,
  string,
];
const engine = createEngine();

const steps = [
  { what: "Hugging Face -> Nanotron TP 1", from: model, into: tp1, options: { to: "nanotron", tp: 1 } },
  { what: "Hugging Face -> Nanotron TP 2", from: model, into: tp2, options: { to: "nanotron", tp: 2 } },
  { what: "Nanotron TP 1 -> TP 2", from: tp1, into: tp1to2, options: { to: "nanotron", tp: 2 } },
  { what: "Nanotron TP 2 -> Hugging Face", from: tp1to2, into: back, options: { to: "huggingface" } },
] as const;

try {
  let isEqual = true;
  console.log("step                            files  segments  bytes      against the original");
  for (const { what, from, into, options } of steps) {
    const { files, segments, bytes } = await engine.convert(from, into, options);
    const { verdict, parameters } = await engine.verify(model, into);
    isEqual &&= verdict === "equal";
    console.log(
      `${what.padEnd(31)} ${String(files).padStart(5)}  ${String(segments).padStart(8)}  ${bytes}  ${verdict}: ${parameters?.equal.length} tensors, every element`,
    );
  }
  process.exitCode = isEqual ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true });
}
