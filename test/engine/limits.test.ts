import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { load } from "js-yaml";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";

const fixture = (name: string) => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-limits-"));
const engine = createEngine();
let made = 0;
const fresh = () => join(scratch, String(made++));
after(() => rmSync(scratch, { recursive: true }));

/** A copy of a fixture with keys of its config replaced; undefined removes one. */
function variant(name: string, config: string, changes: Record<string, unknown>): string {
  const folder = fresh();
  cpSync(fixture(name), folder, { recursive: true });
  const path = join(folder, config);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...changes }));
  return folder;
}

async function refusal(source: string, options: object): Promise<string> {
  const out = fresh();
  const before = readdirSync(scratch).length;
  const error = await engine.convert(source, out, options as never).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(existsSync(out), "nothing is written").to.equal(false);
  expect(readdirSync(scratch).length, "nothing is left").to.equal(before);
  return error?.message ?? "converted";
}

const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const llama3Scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192, rope_type: "llama3" };

describe("what Nanotron cannot express", () => {
  const meaning: [string, Record<string, unknown>][] = [
    ["rope_scaling", { rope_parameters: { ...llama3Scaling, rope_theta: 500000 } }],
    ["rope_scaling", { rope_parameters: undefined, rope_theta: 500000, rope_scaling: llama3Scaling }],
    ["sliding_window", { sliding_window: 4096 }],
  ];
  for (const [setting, changes] of meaning) {
    it(`${JSON.stringify(changes)}: refused by default, converted with allowSemanticLoss, and said so`, async () => {
      const source = variant("tiny-llama3", "config.json", changes);
      expect(await refusal(source, { to: "nanotron" }))
        .to.include(setting)
        .and.to.include("--allow-semantic-loss");
      const out = fresh();
      const { semanticLosses } = await engine.convert(source, out, { to: "nanotron", allowSemanticLoss: true });
      expect(semanticLosses.join()).to.include(setting);
      expect(json(out, "weighbridge.receipt.json").semanticLosses).to.deep.equal(semanticLosses);
    });
  }
  it("biases: refused even then, as the weights have no place", async () => {
    expect(
      await refusal(variant("tiny-llama3", "config.json", { attention_bias: true }), { to: "nanotron", allowSemanticLoss: true }),
    ).to.include("attention_bias");
  });
  it("a head_dim of its own: refused even then", async () => {
    expect(await refusal(variant("tiny-llama3", "config.json", { head_dim: 32 }), { to: "nanotron", allowSemanticLoss: true })).to.include(
      "head_dim 32",
    );
  });
});

describe("a Nanotron source", () => {
  it("without rope_interleaved is refused until told", async () => {
    const source = variant("golden/nanotron-tp1", "model_config.json", { rope_interleaved: undefined });
    expect(await refusal(source, { to: "huggingface" })).to.include("--source-rope-interleaved");
    await engine.convert(source, fresh(), { to: "huggingface", sourceRopeInterleaved: false });
  });
  it("with files of two topologies is refused, naming them", async () => {
    const source = variant("golden/nanotron-tp1", "model_config.json", {});
    cpSync(join(fixture("golden/nanotron-tp2"), "model/model/lm_head"), join(source, "model/model/lm_head"), { recursive: true });
    expect(await refusal(source, { to: "huggingface" })).to.include("two topologies");
  });
  it("with a missing file is refused, naming the parameter", async () => {
    const source = variant("golden/nanotron-tp2", "model_config.json", {});
    rmSync(join(source, "model/model/decoder/1/pp_block/attn/o_proj/model_weight_pp-rank-0-of-1_tp-rank-1-of-2.safetensors"));
    expect(await refusal(source, { to: "huggingface" })).to.include("model.decoder.1.pp_block.attn.o_proj.weight@tp1");
  });
  it("is found through latest.txt, and under the two bad namings of 2024", async () => {
    const run = fresh();
    mkdirSync(run);
    cpSync(fixture("golden/nanotron-tp1"), join(run, "10"), { recursive: true });
    writeFileSync(join(run, "latest.txt"), "10");
    const folder = join(run, "10/model/model");
    renameSync(join(folder, "final_layer_norm/pp_block/model_weight.safetensors"), join(folder, "final_layer_norm/pp_block/weight"));
    const ranks = "pp-rank-0-of-1_tp-rank-0-of-1.safetensors";
    renameSync(
      join(folder, `lm_head/pp_block/model_weight_${ranks}`),
      join(folder, `lm_head/pp_block/model_model_weight.safetensors_${ranks}`),
    );
    expect((await engine.verify(fixture("tiny-llama3"), run)).verdict).to.equal("equal");
  });
});

describe("version 1.4", () => {
  it("has the fork's key set", async () => {
    const out = fresh();
    await engine.convert(fixture("tiny-llama3"), out, { to: "nanotron" });
    expect(json(out, "model_config.json")).to.not.have.any.keys(
      "attention_bias",
      "_attn_implementation",
      "z_loss_enabled",
      "z_loss_coefficient",
    );
    const config = load(readFileSync(join(out, "config.yaml"), "utf8")) as { general: object; parallelism: object };
    expect(config).to.not.have.any.keys("metrics_logging", "s3_upload");
    expect(config.general).to.have.property("entity", null);
    expect(config.parallelism).to.not.have.property("context_parallel_size");
    expect(json(out, "checkpoint_metadata.json")).to.include({ version: "1.4" }).and.not.have.property("cp");
  });
});

describe("a Hugging Face source", () => {
  it("with a truncated shard is refused", async () => {
    const source = variant("tiny-llama3", "config.json", {});
    truncateSync(join(source, "model-00002-of-00003.safetensors"), 500_000);
    expect(await refusal(source, { to: "nanotron" })).to.include("truncated");
  });
  it("with a missing shard is refused, naming it", async () => {
    const source = variant("tiny-llama3", "config.json", {});
    rmSync(join(source, "model-00002-of-00003.safetensors"));
    expect(await refusal(source, { to: "nanotron" })).to.include("1 of them missing: model-00002-of-00003.safetensors");
  });
  it("that says tied while it stores lm_head is refused", async () => {
    expect(await refusal(variant("tiny-llama3", "config.json", { tie_word_embeddings: true }), { to: "nanotron" })).to.include(
      "lm_head.weight is stored",
    );
  });
  it("in transformers 4's style comes back with the same values, and both styles", async () => {
    const source = variant("tiny-llama3", "config.json", {
      rope_parameters: undefined,
      dtype: undefined,
      rope_theta: 500000,
      rope_scaling: null,
      torch_dtype: "bfloat16",
    });
    const [there, back] = [fresh(), fresh()];
    await engine.convert(source, there, { to: "nanotron" });
    await engine.convert(there, back, { to: "huggingface" });
    expect(json(back, "config.json")).to.deep.include(json(source, "config.json"));
    expect(json(back, "config.json").rope_parameters).to.deep.equal({ rope_type: "default", rope_theta: 500000 });
  });
});

describe("the receipt", () => {
  const cases = [
    [{}, "exact", "predictions"],
    [{ verify: "parameters" }, "exact", "parameters"],
    [{ verify: "none" }, "exact", "none"],
    [{ dtype: "F32" }, "cast to F32", "parameters"],
  ] as const;
  for (const [options, weights, verified] of cases) {
    it(`of ${JSON.stringify(options)} says ${weights}, verified ${verified}`, async () => {
      const out = fresh();
      await engine.convert(fixture("tiny-llama3"), out, { to: "nanotron", ...options });
      expect(json(out, "weighbridge.receipt.json")).to.include({ weights, verified });
    });
  }
});

describe("a cancelled comparison", () => {
  it("ends with its own error", async () => {
    const error = await engine.verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), { signal: AbortSignal.abort() }).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).to.include({ name: "CancelledError", code: "CANCELLED" });
  });
});

describe("a plugin with mistakes", () => {
  it("is refused with file, line and pointer of each, all at once", () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, "plugin.yaml"), "name: mine\nextends: llama\nexpct:\n  vocab_size: 1\nrope: { theta: big }\n");
    let message = "";
    try {
      createEngine({ plugins: [folder] });
    } catch (error) {
      message = (error as Error).message;
    }
    const path = join(folder, "plugin.yaml");
    expect(message.split("\n")).to.deep.equal([
      `${path}:3 /expct: unknown key "expct"; did you mean "expect"?`,
      `${path}:5 /rope/theta: expected number, found "big"`,
    ]);
  });
});
