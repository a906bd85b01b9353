// model_config.json: what it takes over from the source's config, letter for letter where it matters, and what it makes of it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../../core/index.js";
import { MemoryStore } from "../../../core/testing/memory-store.js";
import { editJson, fixture, readTensors, scratchFolder, writeTensors } from "../../helpers/folders.js";
import { configOf, writeRandomLlama } from "../../helpers/random-llama.js";

const scratch = scratchFolder("model-config");
const engine = createEngine();
after(scratch.remove);

const CONFIG = "model_config.json";
const lax = { verify: "none", allowSemanticLoss: true } as const;
const textOf = (folder: string): string => readFileSync(join(folder, CONFIG), "utf8");

/** A checkpoint that Nanotron wrote, with members put first in its config as they stand here. */
function withMembers(members: string): string {
  const folder = scratch.copy("golden/nanotron-tp1");
  writeFileSync(join(folder, CONFIG), textOf(folder).replace("{", `{${members}, `));
  return folder;
}

describe("keys of model_config.json that the plugin does not know", () => {
  const unknown = '"rope_seq_len_interpolation_factor": 4.0, "flex_attention_mask": null';

  it("stay as they are from Nanotron to Nanotron", async () => {
    const out = scratch.fresh();
    const { warnings } = await engine.convert(withMembers(unknown), out, { to: "nanotron", tp: 2, ...lax });
    expect(warnings).to.deep.equal([]);
    expect(textOf(out)).to.match(/"rope_seq_len_interpolation_factor": 4\.0,\n {2}"flex_attention_mask": null\n/);
  });

  it("are named on the way to Hugging Face, unless null, and come back from the receipt", async () => {
    const [source, there, back] = [withMembers(unknown), scratch.fresh(), scratch.fresh()];
    const { warnings } = await engine.convert(source, there, { to: "huggingface", ...lax });
    expect(warnings).to.deep.equal([
      `${source}/${CONFIG}: rope_seq_len_interpolation_factor 4: unknown to llama, so that no forward here computes with it and no other layout holds it`,
    ]);
    await engine.convert(there, back, { to: "nanotron", ...lax });
    expect(textOf(back)).to.include('"rope_seq_len_interpolation_factor": 4.0');
  });

  it("are a problem that inspect names", async () => {
    const { problems, sound } = await engine.inspect(withMembers(unknown));
    expect({ sound, codes: problems.map(({ code }) => code) }).to.deep.equal({ sound: true, codes: ["UNKNOWN_KEYS"] });
  });
});

describe("rope_scaling in model_config.json", () => {
  const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };

  for (const [where, changes] of [
    ["rope_scaling", { rope_scaling: { type: "linear", factor: "2.0", list: ["1.0", 2.5] } }],
    ["rope_parameters", { rope_parameters: { rope_theta: 1e4, rope_type: "linear", factor: "2.0", list: ["1.0", 2.5] } }],
  ] as const)
    it(`floats of ${where} are floats there, in config.yaml, and on the way back`, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", model, "BF16", 1);
      const config = JSON.stringify({ ...configOf(model), ...changes }).replace(/"(\d\.0)"/g, "$1");
      store.files.set("/source/config.json", new TextEncoder().encode(config));
      const written = (path: string) => new TextDecoder().decode(store.files.get(path));
      await createEngine({ store }).convert("/source", "/out", { to: "nanotron", ...lax });
      expect(written("/out/model_config.json")).to.match(/"factor": 2\.0,\s+"list": \[\s+1\.0,\s+2\.5\s+\]/);
      expect(written("/out/config.yaml")).to.match(/ factor: 2\.0\n/);
      store.files.delete("/out/weighbridge.receipt.json");
      await createEngine({ store }).convert("/out", "/back", { to: "huggingface", ...lax });
      expect(written("/back/config.json").match(/"factor": 2\.0/g)).to.have.length(2);
    });

  it("that scales nothing is no loss, and keeps its text", async () => {
    const folder = scratch.copy("golden/nanotron-tp1");
    editJson(folder, CONFIG, { rope_scaling: { rope_type: "default" } });
    const out = scratch.fresh();
    expect(await engine.convert(folder, scratch.fresh(), { to: "huggingface" })).to.deep.include({ verified: "predictions", warnings: [] });
    await engine.convert(folder, out, { to: "nanotron", verify: "none" });
    expect(JSON.parse(textOf(out)).rope_scaling).to.deep.equal({ rope_type: "default" });
  });

  it("that is no object is refused", async () => {
    const folder = scratch.copy("golden/nanotron-tp1");
    editJson(folder, CONFIG, { rope_scaling: "linear" });
    const { problems } = await engine.inspect(folder);
    expect(problems[0]?.message).to.include('model_config.json: rope_scaling: expected an object, found "linear"');
  });
});

describe("tensors of another dtype than most", () => {
  it("are named, as Nanotron casts them on load", async () => {
    const folder = scratch.copy("tiny-llama3");
    const shard = join(folder, "model-00001-of-00003.safetensors");
    const tensors = readTensors(shard);
    for (const [name, { shape }] of tensors)
      if (name.includes("layernorm")) tensors.set(name, { dtype: "F32", shape, data: Buffer.alloc(4 * (shape[0] ?? 0)) });
    writeTensors(shard, tensors);
    editJson(folder, "model.safetensors.index.json", { metadata: {} });
    const convert = (to: string) => engine.convert(folder, scratch.fresh(), { to, dryRun: true });
    const [warning, ...more] = (await convert("nanotron")).warnings;
    expect(more).to.deep.equal([]);
    expect(warning).to.match(
      /^model\.decoder\.0\.\S+layernorm\.weight is F32, as \d more are not BF16 either: Nanotron turns it into BF16 when it loads the model$/,
    );
    expect((await convert("huggingface")).warnings).to.deep.equal([]);
    expect((await engine.convert(fixture("tiny-llama3"), scratch.fresh(), { to: "nanotron", dryRun: true })).warnings).to.deep.equal([]);
  });
});
