// weighbridge doctor: what it prints, and its document.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { commandPath, run } from "../helpers/command.js";
import { catalogue } from "../helpers/faults/catalogue.js";
import { fixture, scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("doctor-command");
after(() => scratch.remove());

const original = fixture("tiny-llama3");
const schema = JSON.parse(readFileSync(join(commandPath, "../../../../schemas/doctor.schema.json"), "utf8"));
const validate = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);

/** What Nanotron itself wrote, with a fault put in. */
function faulty(title: string, golden = "golden/nanotron-tp2"): string {
  const folder = scratch.copy(golden);
  catalogue.find((fault) => fault.title === title)?.inject(folder);
  return folder;
}

async function documentOf(...args: readonly string[]) {
  const { code, stdout, stderr } = await run(["doctor", ...args, "--json"]);
  const document = JSON.parse(stdout);
  validate(document);
  expect({ errors: validate.errors ?? [], stderr }).to.deep.equal({ errors: [], stderr: "" });
  return { code, document };
}

describe("weighbridge doctor", () => {
  it("names the fault, what it accounts for, the fix, and where the forwards part", async () => {
    const { code, stdout } = await run(["doctor", original, faulty("gate and up swapped"), "--quiet"]);
    expect(code).to.equal(1);
    expect(stdout.split("\n").slice(0, 4)).to.deep.equal([
      "different",
      "  diagnosis    F06 (gate and up swapped): gate_proj and up_proj are in each other's place; the forwards first part at layer 1 feed-forward",
      "  accounts for model.layers.1.mlp.gate_proj.weight, model.layers.1.mlp.up_proj.weight",
      "  fix          fuse and split in the order gate_proj, up_proj, or convert the original again with `weighbridge convert`, which proves where every byte goes",
    ]);
    expect(stdout).to.match(/^ {2}forwards {5}first part at layer 1 feed-forward: 2\.8, limit /m);
  });

  it("says the setting and the file to put it right in", async () => {
    const folder = faulty("rope_interleaved says the other order");
    const { code, document } = await documentOf(original, folder, "--checks", "parameters");
    expect(code).to.equal(1);
    expect(document).to.deep.include({ verdict: "different", outcome: "explained", firstDivergence: null });
    expect(document.explanations[0]).to.include({ fault: "F01", name: "q and k rows in the other RoPE order" });
    expect(document.explanations[0].fix).to.match(new RegExp(`^set rope_interleaved to false in ${folder}/model_config.json, or convert`));
  });

  it("names the stale files of a folder that cannot be opened, which equals the original without them", async () => {
    const folder = faulty("a stale shard of another topology");
    const { code, document } = await documentOf(original, folder, "--checks", "parameters");
    expect([code, document.outcome, document.tensors]).to.deep.equal([1, "explained", []]);
    expect(document.explanations).to.have.length(1);
    expect(document.explanations[0].fault).to.equal("F22");
    expect(document.explanations[0].tensors).to.deep.equal([
      `${folder}/model/model/decoder/1/pp_block/attn/o_proj/model_weight_pp-rank-0-of-1_tp-rank-0-of-4.safetensors`,
    ]);
  });

  it("says which of its names come into question where the weights do not tell", async () => {
    const { document } = await documentOf(original, faulty("qkv laid out per key/value group", "tiny-llama3"), "--checks", "parameters");
    expect(document.outcome).to.equal("ambiguous");
    expect(document.summary).to.equal(
      "consistent with F05 (qkv laid out per key/value group) or F10 (a fused tensor cut as one block), which the weights do not tell apart",
    );
  });

  it("is silent about what Nanotron itself wrote", async () => {
    const { code, document } = await documentOf(original, fixture("golden/nanotron-tp2"));
    expect([code, document.verdict, document.summary]).to.deep.equal([0, "equal", "no difference found"]);
  });

  it("refuses to look for a fault without looking at the tensors", async () => {
    const { code, stderr } = await run(["doctor", original, original, "--checks", "predictions"]);
    expect([code, stderr]).to.deep.equal([2, "weighbridge: a fault is looked for in the tensors; name parameters among the checks\n"]);
  });

  it("is what a failing verify points to", async () => {
    const folder = faulty("o_proj transposed");
    const { stdout } = await run(["verify", original, folder, "--checks", "parameters", "--quiet"]);
    expect(stdout.trimEnd().split("\n").at(-1)).to.equal(`  hint         weighbridge doctor ${original} ${folder} looks for the fault`);
  });
});

describe("parameters that no rule explains", () => {
  it("count as missing where B does not have them: biases of attention, dropped", async () => {
    const folder = scratch.copy("tiny-llama3");
    const biases = catalogue.find(({ title }) => title === "biases dropped");
    biases?.prepare?.(folder);
    const { code, stdout } = await run(["verify", folder, original, "--checks", "parameters", "--json"]);
    const { verdict, parameters } = JSON.parse(stdout);
    expect([code, verdict, parameters.missing.length, parameters.different]).to.deep.equal([1, "different", 16, []]);
  });
});
