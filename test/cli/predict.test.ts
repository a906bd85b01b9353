// weighbridge predict as people use it: the original scripts' tables, one JSON document, a .npy file; and what they get wrong.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine, ExecutorError } from "../../core/index.js";
import { run } from "../helpers/command.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { expected, readLogits, referenceLogits } from "../helpers/reference.js";
import { expectRefusal, expectRefused } from "../helpers/refusal.js";

const scratch = scratchFolder("predict");
const work = scratch.fresh();
const model = fixture("tiny-llama3");
const noTokenizer = fixture("golden/tied-nanotron");
const promptIds = join(work, "ids.json");
before(() => {
  mkdirSync(work);
  writeFileSync(promptIds, JSON.stringify(expected.prompt_ids));
  writeFileSync(join(work, "beyond.json"), "[1, 2, 5000]");
  writeFileSync(join(work, "one.json"), "[1]");
  writeFileSync(join(work, "text.json"), '["a", "b"]');
  writeFileSync(join(work, "broken.json"), "[1, 2");
});
after(scratch.remove);

describe("predict", () => {
  it("prints the best tokens at the chosen positions with their text", async () => {
    const { code, stdout } = await run(["predict", model, "--tokens-file", promptIds, "--positions", "5,34", "--top", "2"]);
    expect(code).to.equal(0);
    expect(stdout.split("\n").slice(2)).to.deep.equal([
      "accuracy 0.7266: 372 of 512 predict the token that follows",
      "",
      "position 5",
      '   1  0.819751      11  ","',
      '   2  0.060068     628  " after"',
      "",
      "position 34",
      '   1  0.998570      67  "d"',
      '   2  0.000537     784  "ty"',
      "",
    ]);
  });

  it("says which executor auto took, and why not another only to who asks", async () => {
    const noDriver = { env: { VK_DRIVER_FILES: "/nowhere.json", VK_ICD_FILENAMES: "/nowhere.json" } };
    const ask = (...flags: string[]) => run(["predict", noTokenizer, ...flags], noDriver);
    const { executor, device, passedOver } = JSON.parse((await ask("--json")).stdout);
    const [plain, told] = [await ask(), await ask("--debug")];
    const words = passedOver.length === 0 ? "" : "; webgpu passed over, --debug says why";
    expect(plain.stdout.split("\n")[1]).to.equal(`512 predictions on random ids, exact numerics, ${executor} (${device}${words})`);
    expect(plain.stderr).not.to.include("passed over");
    expect(told.stdout).to.equal(plain.stdout);
    for (const reason of passedOver) expect(told.stderr).to.include(`passed over ${reason}\n`);
  });

  it("takes a text or a file with it, which give the same", async () => {
    const [text, file] = ["In the beginning God created the heaven and the earth.", join(work, "prompt.txt")];
    writeFileSync(file, text);
    const [one, two] = [await run(["predict", model, "--prompt", text]), await run(["predict", model, "--prompt-file", file])];
    expect(one.stdout).to.include("predictions on text").and.equal(two.stdout);
  });

  it("has no text for tokens without a tokenizer", async () => {
    const { stdout } = await run(["predict", noTokenizer, "--positions", "0", "--top", "1", "--json"]);
    expect(JSON.parse(stdout).positions["0"][0].text).to.equal(null);
  });

  it("writes all logits as .npy, as transformers has them", async () => {
    const file = join(work, "logits.npy");
    await run(["predict", model, "--tokens-file", promptIds, "--logits", file]);
    const [found, reference] = [readLogits(file), referenceLogits("tiny-llama3-logits-hf-fp32")];
    expect([found.rows, found.columns]).to.deep.equal([512, 1024]);
    found.values.forEach((value, at) => {
      if (!(Math.abs(value - (reference.values[at] ?? Number.NaN)) < 2e-4)) expect.fail(`logit ${at}: ${value}`);
    });
  });

  it("leaves an older .npy as it was when it fails", async () => {
    const file = join(work, "kept.npy");
    writeFileSync(file, "before");
    const options = { tokens: expected.prompt_ids, logits: file, signal: AbortSignal.abort() };
    await expectRefused(work, () => createEngine().predict(model, options), { code: 1, says: ["cancelled"] });
    expect(readFileSync(file, "utf8")).to.equal("before");
  });
});

describe("predict refuses", () => {
  const cases: [string, string[], string[]][] = [
    ["a text without a tokenizer", [noTokenizer, "--prompt", "hello"], ["no tokenizer.json", "--tokens-file"]],
    ["a prompt of one token", [model, "--tokens-file", "one.json"], ["too short", "at least 2", "found 1"]],
    ["a token beyond the vocabulary", [model, "--tokens-file", "beyond.json"], ["token 2", "0 to 1023", "found 5000"]],
    ["a file that is no JSON", [model, "--tokens-file", "broken.json"], ["broken.json: no JSON", "[1, 15043, 3186]"]],
    ["a file without ids", [model, "--tokens-file", "text.json"], ["text.json: no array of numbers"]],
    ["a file that is not there", [model, "--prompt-file", "nothing.txt"], ["nothing.txt", "ENOENT"]],
    ["a position past the prompt", [model, "--positions", "5,600"], ["position 600", "0 to 511"]],
    ["a position that is no number", [model, "--positions", "5,x"], ["--positions", "whole number"]],
    ["no best tokens at all", [model, "--top", "0"], ["--top 0", "from 1 to 1024"]],
    ["an executor that there is not", [model, "--executor", "gpx"], ["gpx", "did you mean"]],
    ["two prompts", [model, "--prompt", "a", "--tokens-file", "one.json"], ["cannot be used with"]],
    ["logits into a folder", [model, "--logits", "."], ["expected a file for the logits", "found a folder"]],
    ["numerics that there are not", [model, "--numerics", "exakt"], ["exakt", "exact, framework"]],
  ];
  for (const [what, args, says] of cases) it(what, () => expectRefusal(work, ["predict", ...args], { code: 2, says }).then());

  it("a prompt longer than the model's context", async () => {
    const tokens = Array.from({ length: 3000 }, () => 1);
    await expectRefused(work, () => createEngine().predict(model, { tokens }), { code: 2, says: ["too long", "found 3000"] });
  });

  it("an executor that cannot run here, with the reason and the remedy", async () => {
    const absent = {
      name: "abacus",
      unavailable: async () => "no beads; install some",
      open: () => Promise.reject(new Error("opened all the same")),
    };
    const engine = createEngine({ executors: [absent] });
    const error = await expectRefused(work, () => engine.predict(model, { executor: "abacus" }), {
      code: 1,
      says: ["executor abacus cannot run here", "no beads; install some"],
    });
    expect(error).to.be.instanceOf(ExecutorError);
    expect((await engine.predict(noTokenizer)).executor).to.equal("cpu");
  });

  it("an executor that does not open; auto takes the next one and says so", async () => {
    const broken = {
      name: "abacus",
      unavailable: async () => undefined,
      open: () => Promise.reject(new ExecutorError("the frame is broken")),
    };
    const engine = createEngine({ executors: [broken] });
    await expectRefused(work, () => engine.predict(model, { executor: "abacus" }), { code: 1, says: ["the frame is broken"] });
    const { executor, passedOver } = await engine.predict(noTokenizer);
    expect(executor).not.to.equal("abacus");
    expect(passedOver[0]).to.equal("abacus: the frame is broken");
  });
});
