// Content hashes of tensors: the same for every layout, topology and way of reading; and verdicts by receipt alone.

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine, UsageError } from "../../core/index.js";
import { hashChunk, TensorHash } from "../../core/verify/chunk-hash.js";
import { editJson, fixture, readAllTensors, readJson, scratchFolder } from "../helpers/folders.js";
import { seed, uniform } from "../helpers/random.js";

const scratch = scratchFolder("receipts");
after(scratch.remove);
const engine = createEngine();
const source = fixture("tiny-llama3");
const MIB = 2 ** 20;

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
/** The hash by its definition. */
const treeHash = (bytes: Buffer): string => {
  const chunks = Array.from({ length: Math.ceil(bytes.length / MIB) }, (_, at) => sha256(bytes.subarray(at * MIB, (at + 1) * MIB)));
  return sha256(Buffer.concat(chunks)).toString("hex");
};

describe("the hash of a tensor", () => {
  it(`is the same whatever pieces its bytes come in (WEIGHBRIDGE_SEED=${seed})`, async () => {
    const next = uniform(seed);
    const bytes = Buffer.from(Array.from({ length: 2 * MIB + 12345 }, () => Math.floor(next() * 256)));
    for (const piece of [bytes.length, MIB, 100_000, 3 * MIB, 777_777]) {
      const hash = new TensorHash(bytes.length, hashChunk);
      const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, at) => at * piece);
      for (const at of pieces.reverse()) await hash.add(bytes.subarray(at, at + piece), at);
      expect(await hash.digest(), `pieces of ${piece}`).to.equal(treeHash(bytes));
    }
  });
});

describe("a receipt with hashes", () => {
  const outputs: { folder: string; options: object }[] = [];
  before(async () => {
    const ways = [
      { to: "nanotron" },
      { to: "nanotron", tp: 4, pp: 3, ropeInterleaved: true },
      { to: "huggingface", maxShardBytes: 300_000 },
    ] as const;
    for (const options of ways) {
      const folder = scratch.fresh();
      await engine.convert(source, folder, { ...options, verify: "none", hash: true });
      outputs.push({ folder, options });
    }
  });

  it("has every tensor's, by its Hugging Face bytes, in every layout and topology", () => {
    const expected = Object.fromEntries([...readAllTensors(source)].map(([name, { data }]) => [name, treeHash(data)]));
    for (const { folder, options } of outputs) {
      const { tensors } = readJson(folder, "weighbridge.receipt.json") as { tensors: Record<string, { sha256: string }> };
      const found = Object.fromEntries(Object.entries(tensors).map(([name, digest]) => [name, digest.sha256]));
      expect(found, JSON.stringify(options)).to.deep.equal(expected);
    }
  });

  it("is enough to compare two checkpoints, and their weights are not read", async () => {
    const [a = outputs[0], b] = outputs;
    if (a === undefined || b === undefined) throw new Error("both were converted");
    const report = await engine.verify(a.folder, b.folder, { checks: ["receipt"] });
    expect(report.verdict).to.equal("equal");
    expect(report.evidence).to.match(/^39 tensors compared by SHA-256: A's from its receipt, its weights not read, B's from its receipt, /);
  });

  it("is held against a checkpoint without one, which is read", async () => {
    const { verdict, evidence } = await engine.verify(source, outputs[1]?.folder ?? "", { checks: ["receipt"] });
    expect([verdict, evidence.includes("A's computed from its weights")]).to.deep.equal(["equal", true]);
  });

  it("tells which tensors differ, and settings that do", async () => {
    const other = outputs[0]?.folder ?? "";
    const { tensors } = readJson(other, "weighbridge.receipt.json");
    const name = "model.layers.2.self_attn.k_proj.weight";
    const { [name]: _, ...rest } = tensors;
    editJson(other, "weighbridge.receipt.json", {
      tensors: { ...rest, "model.norm.weight": { ...tensors["model.norm.weight"], sha256: "0".repeat(64) } },
    });
    editJson(other, "model_config.json", { rope_theta: 10000.0 });
    const { verdict, parameters, settings } = await engine.verify(source, other, { checks: ["receipt"] });
    expect(verdict).to.equal("different");
    expect(parameters).to.deep.include({ different: ["model.norm.weight"], missing: [name], extra: [] });
    expect(settings).to.deep.equal(["rope_theta: 500000 and 10000"]);
  });

  it("is not mixed with the parameters check", async () => {
    const error = await engine.verify(source, source, { checks: ["receipt", "parameters"] }).catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(UsageError);
  });

  it("is not written without --hash", async () => {
    const folder = scratch.fresh();
    await engine.convert(source, folder, { to: "nanotron", verify: "none" });
    expect(readJson(folder, "weighbridge.receipt.json")).to.not.have.property("tensors");
    rmSync(join(folder), { recursive: true });
  });
});
