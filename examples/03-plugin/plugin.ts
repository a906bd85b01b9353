// A plugin from someone else: tiny-mistral/plugin.yaml teaches the engine a model of its own, and no code runs.
// A random Mistral goes to Nanotron and back. With a folder as argument, the checkpoint is only written there, for the command
// lines in README.md.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, UnsupportedError } from "../../core/index.js"; // yours: from "weighbridge"
import { writeMistral } from "./write-mistral.js";

const PLUGIN = "tiny-mistral";
/** Seen from the repository's root, where the examples are run. */
const FOLDER = "./examples/03-plugin/tiny-mistral";

const [wanted] = process.argv.slice(2);
if (wanted === undefined) await showRoundTrip();
else writeMistral(wanted, null);

async function showRoundTrip(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "weighbridge-example-03-"));
  const [model, nanotron, asLlama, back, windowed] = ["mistral", "nanotron", "as-llama", "back", "windowed"].map((name) =>
    join(scratch, name),
  ) as [string, string, string, string, string];
  const engine = createEngine({ plugins: [FOLDER] });
  try {
    writeMistral(model, null);
    const there = await engine.convert(model, nanotron, { to: "nanotron", tp: 2 });
    console.log(`there: plugin ${there.plugin}, ${there.files} files`);

    // Nanotron's config says "Llama" and no more. Unless told, the engine takes it at its word.
    const guessed = await engine.convert(nanotron, asLlama, { to: "huggingface" });
    console.log(`back, not told: plugin ${guessed.plugin}, ${architectureOf(asLlama)}`);
    const home = await engine.convert(nanotron, back, { to: "huggingface", plugin: PLUGIN });
    console.log(`back, told: plugin ${home.plugin}, ${architectureOf(back)}`);

    const { verdict, parameters } = await engine.verify(model, back);
    const isSameFile = readFileSync(join(model, "model.safetensors")).equals(readFileSync(join(back, "model.safetensors")));
    console.log(
      `${verdict}: ${parameters?.equal.length} tensors; the files are ${isSameFile ? "the same byte for byte" : "laid out differently"}`,
    );
    process.exitCode = verdict === "equal" ? 0 : 1;

    // A window that is set: Nanotron's Llama would attend to the whole sequence, so the engine refuses unless allowed.
    writeMistral(windowed, 1024);
    await engine.convert(windowed, join(scratch, "refused"), { to: "nanotron" }).catch((error: unknown) => {
      if (!(error instanceof UnsupportedError)) throw error;
      console.log(`${error.name}: ${error.message}`);
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function architectureOf(folder: string): string {
  return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).architectures[0];
}
