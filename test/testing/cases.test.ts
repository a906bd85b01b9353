// What the kit says of wrong cases: each in one line.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { DeclarationError } from "../../core/index.js";
import { type ArchitectureCases, ArchitectureTester, type InvalidCase } from "../../core/testing/architecture-tester.js";
import { scratchFolder } from "../helpers/folders.js";
import { costs, familyConfig, mapping, model, writeFamily } from "../helpers/kit-cases.js";

const scratch = scratchFolder("kit");
after(scratch.remove);

const test = (folder: string, cases: ArchitectureCases) => new ArchitectureTester().test(folder, cases);

describe("the kit, on cases", () => {
  const refusedFor = (cases: object): string => {
    try {
      new ArchitectureTester({}, { describe: () => undefined, it: () => undefined }).run("llama", cases as ArchitectureCases);
    } catch (error) {
      if (error instanceof DeclarationError) return error.message;
      throw error;
    }
    return "";
  };

  it("an unknown key is named, with the one that was meant", () => {
    expect(refusedFor({ valid: [{ ...model, topology: [] }] })).to.equal(
      'the cases of llama:1 /valid/0/topology: unknown key "topology"; did you mean "topologies"?',
    );
  });
  it("a name twice", () => {
    const other = { ...model, config: { ...model.config, vocab_size: 80 } };
    expect(refusedFor({ valid: [model, other] })).to.equal('the cases of llama:1 /valid/1/name: "small" is the name of /valid/0 too');
  });
  it("a case twice, under two names", () => {
    expect(refusedFor({ valid: [model, { ...model, name: "again" }] })).to.equal(
      "the cases of llama:1 /valid/1: is the case /valid/0 once more",
    );
  });
  it("no case at all", () => {
    expect(refusedFor({ valid: [] })).to.match(/^the cases of llama:1 \/valid: must NOT have fewer than 1 items/);
  });

  const wrongs: [string, Partial<ArchitectureCases>, string][] = [
    [
      "a refusal with another code",
      { invalid: [{ name: "biased", config: { ...model.config, attention_bias: true }, code: "CHECKPOINT" }] },
      "biased: is refused: expected CHECKPOINT, found UNSUPPORTED: nanotron cannot hold this model: attention_bias true: Nanotron's Llama has no biases, even with attention_bias",
    ],
    [
      "a refusal at another setting",
      { invalid: [{ name: "biased", config: { ...model.config, attention_bias: true }, code: "UNSUPPORTED", pointer: "/mlp_bias" }] },
      "biased: is refused: expected a fault at /mlp_bias, found /attention_bias: nanotron cannot hold this model: attention_bias true: Nanotron's Llama has no biases, even with attention_bias",
    ],
    [
      "a refusal that does not come",
      { invalid: [{ name: "sound", config: { ...model.config, vocab_size: 80 }, code: "UNSUPPORTED" }] },
      "sound: is refused: expected UNSUPPORTED, found a proven plan",
    ],
    [
      "a loss that there is not",
      { valid: [{ ...model, losses: ["rope_scaling"] }] },
      'small: is matched, and proven at every topology: expected the losses ["rope_scaling"], found none',
    ],
    [
      "a loss that is not named",
      { valid: [{ ...model, config: { ...model.config, attention_dropout: 0.5 } }] },
      `small: is matched, and proven at every topology: expected the losses none, found ["attention_dropout 0.5: Nanotron's Llama has no attention dropout"]`,
    ],
    [
      "a topology that is none",
      { valid: [{ ...model, topologies: [{ tp: 3 }] }] },
      "small: is matched, and proven at every topology: tp 3 does not divide vocab (40); the nearest TP that does is 2; possible: 1, 2",
    ],
    [
      "a mapping that says something else",
      { valid: [{ ...model, mapping: { "model.final_layer_norm.pp_block.weight": "whole: model.norm.bias" } }] },
      'small: there and back at every topology, byte for byte: model.final_layer_norm.pp_block.weight: the case expects "whole: model.norm.bias", found "whole: model.norm.weight"',
    ],
  ];
  for (const [name, change, problem] of wrongs) {
    it(`${name} is one line`, async () => {
      const { problems } = await test("llama3-8b", { valid: [model], ...change });
      const [named = "", title = ""] = problem.split(": ");
      const [found, ...more] = problems.filter((line) => line.startsWith(`${named}: ${title}: `));
      expect(found?.slice(0, problem.length)).to.equal(problem);
      expect(more).to.deep.equal([]);
    });
  }

  describe("of Nanotron's own, on its way to Hugging Face", () => {
    const limited = (yaml: string) =>
      yaml
        .replace("constants:", "  window: { type: integer, nullable: true, default: null, in: nanotron }\nconstants:")
        .concat("limits: { huggingface: [{ setting: window, only: null, loss: meaning, because: it has no windows }] }\n");
    const windowed = { name: "a window", config: familyConfig("odd"), nanotron: { window: 8 }, code: "UNSUPPORTED", pointer: "/window" };
    const valid = [{ name: "odd", config: familyConfig("odd"), mapping, costs }];
    const problemsWith = async (...invalid: InvalidCase[]) =>
      (await test(writeFamily(scratch.fresh(), "odd", limited), { valid, invalid })).problems;

    it("is what a limit of Hugging Face's needs", async () => {
      expect(await problemsWith()).to.deep.equal([
        "every mutant of the plugin is noticed: mutant not noticed: limit on window dropped (no invalid case and no loss is about it)",
      ]);
      expect(await problemsWith({ ...windowed, says: "window 8: it has no windows" })).to.deep.equal([]);
    });
    it("a refusal that does not come is one line", async () => {
      const [first] = await problemsWith({ ...windowed, nanotron: { windows: 8 } });
      expect(first).to.equal("a window: is refused: expected UNSUPPORTED, found a proven plan");
    });
    it("a config that Nanotron cannot hold is not taken for the refusal", async () => {
      const [first] = await problemsWith({ ...windowed, tp: 3 });
      expect(first).to.match(/^a window: is refused: expected a config that becomes Nanotron's, found tp 3 does not divide heads/);
    });
  });

  it("inputs that change while they are read are noticed", async () => {
    let reads = 0;
    const config = Object.defineProperty({ ...model.config }, "seed", { enumerable: true, get: () => reads++ });
    const { problems } = await test("llama", { valid: [{ ...model, config }] });
    expect(problems).to.include("small: both frameworks' forwards agree: the plugin or its cases were changed while they were read");
  });
});
