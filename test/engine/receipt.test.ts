// A receipt that somebody edited: what it restores is checked as a config is, and the error names the folder.

import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { editJson, fixture, readJson, scratchFolder } from "../helpers/folders.js";
import { expectRefused } from "../helpers/refusal.js";

const RECEIPT = "weighbridge.receipt.json";
const scratch = scratchFolder("receipt");
const engine = createEngine();
after(scratch.remove);

describe("a receipt that was edited", () => {
  const folder = scratch.fresh();
  before(async () => {
    await engine.convert(fixture("tiny-llama3"), folder, { to: "nanotron", verify: "none" });
  });
  const config = (changes: object) => JSON.stringify({ ...readJson(fixture("tiny-llama3"), "config.json"), ...changes });

  const cases: [string, () => string, string][] = [
    ["text for a number", () => config({ attention_dropout: "x" }), 'attention_dropout: expected a float, found "x"'],
    ["a number for an object", () => config({ quantization_config: 4 }), "quantization_config: expected an object, found 4"],
    ["no JSON", () => "{", "not valid JSON"],
  ];
  for (const [what, text, says] of cases)
    it(`${what}: is refused, with its place`, async () => {
      editJson(folder, RECEIPT, { carried: { huggingface: text() } });
      const refusal = { code: 1, says: [`${join(folder, RECEIPT)}: carried.huggingface: ${says}`] } as const;
      await expectRefused(folder, () => engine.convert(folder, scratch.fresh(), { to: "huggingface", verify: "none" }), refusal);
    });
});
