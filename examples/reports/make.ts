// Makes the two reports in this folder: the bundled model against a right conversion of it, and against one whose config says the
// wrong order of the rows of q and k. `node dist/examples/reports/make.js [FOLDER]`

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../core/index.js";

const fixture = (name: string) => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));
const here = fileURLToPath(new URL("../../../examples/reports", import.meta.url));
const folder = resolve(process.argv[2] ?? here);
const { prompt_ids: tokens } = JSON.parse(readFileSync(fixture("tiny-llama3-expected.json"), "utf8"));

const scratch = mkdtempSync(join(tmpdir(), "weighbridge-reports-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
// The reports name the checkpoints as they are named here.
process.chdir(scratch);
cpSync(fixture("tiny-llama3"), "tiny-llama3", { recursive: true });

const engine = createEngine();
await engine.convert("tiny-llama3", "tiny-llama3-nanotron", { to: "nanotron", tp: 2, pp: 2, ropeInterleaved: true, verify: "none" });
cpSync("tiny-llama3-nanotron", "wrong-order", { recursive: true });
const config = JSON.parse(readFileSync("wrong-order/model_config.json", "utf8"));
writeFileSync("wrong-order/model_config.json", JSON.stringify({ ...config, rope_interleaved: false }));

for (const [name, checkpoint] of [
  ["equal", "tiny-llama3-nanotron"],
  ["different", "wrong-order"],
] as const) {
  const report = join(folder, `${name}.html`);
  const { verdict } = await engine.verify("tiny-llama3", checkpoint, { tokens, report, executor: "cpu" });
  console.log(`${verdict}: ${name}.html`);
}
