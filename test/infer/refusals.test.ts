// What `plugins infer` refuses: nothing is written then.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { writePair } from "../helpers/made-pair.js";
import { expectRefused } from "../helpers/refusal.js";

const scratch = scratchFolder("infer");
after(scratch.remove);
const engine = createEngine();

describe("plugins infer refuses, and writes nothing", () => {
  const pair = writePair(scratch.fresh, { family: "llama" });

  it("checkpoints of two models", async () => {
    const parent = scratch.fresh();
    mkdirSync(parent);
    const infer = () => engine.inferPlugin(fixture("tiny-llama3"), pair.nanotron, { out: join(parent, "out") });
    await expectRefused(parent, infer, { code: 1, says: ["no parameter is made of tensors of", "are they of one model"] });
  });

  it("the two in the other order", async () => {
    const infer = () => engine.inferPlugin(pair.nanotron, pair.huggingface, { out: scratch.fresh() });
    await expectRefused(pair.nanotron, infer, {
      code: 2,
      says: ["expected a huggingface checkpoint, found nanotron", "Hugging Face folder first"],
    });
  });

  it("a folder that is there", async () => {
    const out = scratch.fresh();
    mkdirSync(out);
    writeFileSync(join(out, "notes.txt"), "mine");
    const infer = () => engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
    await expectRefused(out, infer, { code: 2, says: ["already exists", "--out"] });
  });

  it("when it is cancelled", async () => {
    const out = scratch.fresh();
    const abort = new AbortController();
    const infer = engine.inferPlugin(pair.huggingface, pair.nanotron, { out, signal: abort.signal, onProgress: () => abort.abort() });
    expect(await infer.catch((error: { code: string }) => error.code)).to.equal("CANCELLED");
    expect(existsSync(out)).to.equal(false);
  });

  it("but takes an empty folder", async () => {
    const out = scratch.fresh();
    mkdirSync(out);
    await engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
    expect(readdirSync(out)).to.deep.equal(["plugin.yaml"]);
  });
});
