// What `npm run demo` runs: the bundled model to Nanotron and back by several ways. Each result is held against the original:
// every element, and what its own framework's forward predicts. Of the last comparison it writes a report to look at.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConvertOptions, createEngine } from "../core/index.js";

const fixture = (name: string) => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));
const model = fixture("tiny-llama3");
/** What transformers 5.17 itself computed for the prompt, on a CPU in float32. */
const transformers = JSON.parse(readFileSync(fixture("tiny-llama3-expected.json"), "utf8"));

const scratch = mkdtempSync(join(tmpdir(), "weighbridge-demo-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
process.stdout.on("error", () => process.exit(1)); // the reader of a pipe has gone

interface Step {
  readonly what: string;
  readonly backend: string;
  readonly tp: number;
  readonly from: string;
  readonly into: string;
  readonly options: ConvertOptions;
}

const nanotron = (tp: number) => ({ backend: "Nanotron", tp, options: { to: "nanotron", tp } }) as const;
const huggingface = { backend: "Hugging Face", tp: 1, options: { to: "huggingface" } } as const;
const steps: readonly Step[] = [
  { what: "-> Nanotron TP 1", from: "", into: "tp1", ...nanotron(1) },
  { what: "-> Nanotron TP 2", from: "", into: "tp2", ...nanotron(2) },
  { what: "-> Nanotron TP 2 -> Hugging Face", from: "tp2", into: "back", ...huggingface },
  { what: "-> Nanotron TP 1 -> TP 2", from: "tp1", into: "tp1-to-tp2", ...nanotron(2) },
  { what: "-> TP 1 -> TP 2 -> Hugging Face", from: "tp1-to-tp2", into: "tp1-to-tp2-back", ...huggingface },
];

const root = fileURLToPath(new URL("../..", import.meta.url));
const reportName = join(".demo", "report.html");

const columns = [34, 14, 4, 17, 18, 0] as const;
const row = (...cells: string[]) =>
  console.log(
    cells
      .map((cell, at) => cell.padEnd(columns[at] ?? 0))
      .join("")
      .trimEnd(),
  );
const share = (count: number, total: number) => `${((100 * count) / total).toFixed(2)} % (${count})`;

const engine = createEngine();

/** The original against transformers' own figures. */
async function showOriginal(): Promise<boolean> {
  const { tokens, correct, accuracy, positions } = await engine.predict(model, { tokens: transformers.prompt_ids });
  const { accuracy: expected, top10 } = transformers.hf_cpu_fp32;
  const shown = Object.entries(positions);
  const same = shown.filter(([at, best]) => best.every(({ token }, place) => token === top10[at][place][0])).length;
  const isEqual = accuracy === expected && same === shown.length;
  row(
    "bundled model",
    "Hugging Face",
    "1",
    share(correct, tokens),
    `${same} of ${shown.length}`,
    isEqual ? "as transformers" : "different",
  );
  return isEqual;
}

async function show({ what, backend, tp, from, into, options }: Step, report?: string): Promise<{ isEqual: boolean; evidence: string }> {
  const [source, result] = [from === "" ? model : join(scratch, from), join(scratch, into)];
  await engine.convert(source, result, { ...options, verify: "none" });
  const { verdict, evidence, predictions } = await engine.verify(model, result, { tokens: transformers.prompt_ids, report });
  const { tokens = 0, correctB = 0, top10Equal = 0 } = predictions ?? {};
  row(what, backend, String(tp), share(correctB, tokens), `${top10Equal} of ${tokens}`, verdict);
  return { isEqual: verdict === "equal", evidence };
}

row("", "backend", "TP", "accuracy of 512", "top-10 agreement", "verdict");
let isEqual = await showOriginal();
let last = "";
for (const step of steps) {
  const shown = await show(step, step === steps.at(-1) ? join(root, reportName) : undefined);
  isEqual &&= shown.isEqual;
  last = shown.evidence;
}
console.log(`\nThe last row: ${last}.\nIts report, for a browser: ${reportName}`);
process.exitCode = isEqual ? 0 : 1;
