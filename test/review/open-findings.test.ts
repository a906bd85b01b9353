// Faults that a review found and did not mend: each test fails until it is.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { editJson, readJson, scratchFolder } from "../helpers/folders.js";
import { configOf, writeRandomLlama } from "../helpers/random-llama.js";

const scratch = scratchFolder("review");
const engine = createEngine();
after(scratch.remove);

describe("open findings of the review", () => {
  const model = { hidden: 32, heads: 4, kvHeads: 4, headDim: 8, ffn: 8, vocab: 16, layers: 6, tied: false };
  it("a key of model_config.json that the plugin does not know is carried or named, never dropped in silence", async () => {
    const [folder, out] = [scratch.copy("golden/nanotron-tp1"), scratch.fresh()];
    editJson(folder, "model_config.json", { rope_seq_len_interpolation_factor: 4 });
    const { warnings } = await engine.convert(folder, out, { to: "nanotron", tp: 2, verify: "none" });
    const carried = readJson(out, "model_config.json").rope_seq_len_interpolation_factor;
    expect(carried === 4 || warnings.some((line) => line.includes("rope_seq_len_interpolation_factor"))).to.equal(true);
  });

  it("a float of rope_scaling is a float in Nanotron's config too", async () => {
    const store = new MemoryStore();
    await writeRandomLlama(store, "/source", model, "BF16", 1);
    const config = JSON.stringify({ ...configOf(model), rope_scaling: { rope_type: "linear", factor: 2.5 } }).replace("2.5", "2.0");
    store.files.set("/source/config.json", new TextEncoder().encode(config));
    await createEngine({ store }).convert("/source", "/out", { to: "nanotron", allowSemanticLoss: true, verify: "none" });
    expect(new TextDecoder().decode(store.files.get("/out/model_config.json"))).to.match(/"factor": 2\.0/);
  });

  it("a Nanotron rope_scaling that scales nothing is no loss", async () => {
    const folder = scratch.copy("golden/nanotron-tp1");
    editJson(folder, "model_config.json", { rope_scaling: { rope_type: "default" } });
    const { problems } = await engine.inspect(folder);
    expect(problems.map(({ code }) => code)).to.not.include("UNSUPPORTED");
    expect(await engine.convert(folder, scratch.fresh(), { to: "huggingface", verify: "none" })).to.include({ written: true });
    expect(readFileSync(join(folder, "model_config.json"), "utf8")).to.include("default");
  });
});
