// A conversion from end to end: the bundled Hugging Face model to Nanotron with two tensor-parallel ranks, back again, and
// the result held against the original. README.md in this folder has the same as command lines.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../core/index.js"; // yours: from "weighbridge"

const model = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3"));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-example-01-"));
const nanotron = join(scratch, "nanotron-tp2");
const back = join(scratch, "back");
const engine = createEngine();

try {
  // The destination is written beside itself, read back, compared with the source, and only then renamed into place.
  const there = await engine.convert(model, nanotron, { to: "nanotron", tp: 2 });
  console.log(`Nanotron TP 2: ${there.files} files, ${there.bytes} bytes of weights, ${there.segments} segments`);

  // Nothing says what the source is: the folder's config does.
  const home = await engine.convert(nanotron, back, { to: "huggingface" });
  console.log(`Hugging Face: ${home.files} file, ${home.bytes} bytes of weights, plugin ${home.plugin}`);

  const { verdict, parameters } = await engine.verify(model, back);
  console.log(`${verdict}: ${parameters?.equal.length} tensors, every element`);
  process.exitCode = verdict === "equal" ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true });
}
