// Mutants of a mapping, and of limits: which the kit notices, which change nothing, and which it asks for a case about.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { type ArchitectureCases, ArchitectureTester } from "../../core/testing/architecture-tester.js";
import { scratchFolder } from "../helpers/folders.js";
import { costs, familyConfig, mapping, model, writeFamily } from "../helpers/kit-cases.js";
import { writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("kit");
after(scratch.remove);

const test = (folder: string, cases: ArchitectureCases) => new ArchitectureTester().test(folder, cases);

/** Llama's declaration under another name, without a mistake. */
const writeCopy = (): string =>
  writePlugin(scratch.fresh(), "copy", (yaml) => yaml.replace("description: Llama", "description: A copy of Llama"));

describe("the kit, on mutants", () => {
  it("notices all of llama's by the frameworks' forwards alone, without a written mapping", async () => {
    const tied = { name: "tied", config: { ...model.config, tie_word_embeddings: true } };
    const folder = writePlugin(scratch.fresh(), "right", (yaml) =>
      yaml
        .replace("description: Llama", "description: A Llama")
        .replace("huggingface: { model_type: llama }", "huggingface: { model_type: right }"),
    );
    const { problems, notes } = await test(folder, { valid: [model, tied] });
    expect(problems.filter((line) => line.includes("mutant"))).to.deep.equal([]);
    // Rotary 3, transpose 9, parallel 18, tied 1, orders 4, within 1, exchanged 5, left out 9, ignored 9, flipped 1.
    expect(notes).to.deep.equal(["60 mutants noticed"]);
  });

  it("lets none live for a family without forwards, once the case says what Nanotron's parameters are made of", async () => {
    const { problems, notes } = await test(writeFamily(scratch.fresh(), "odd"), {
      valid: [{ name: "odd", config: familyConfig("odd"), mapping, costs }],
    });
    expect(problems).to.deep.equal([]);
    expect(notes[0]).to.equal("odd: family odd has no forwards, so that no predictions were compared");
  });

  it("names each that nothing outside the plugin can tell", async () => {
    const { problems } = await test(writeFamily(scratch.fresh(), "odd"), { valid: [{ name: "odd", config: familyConfig("odd") }] });
    expect(problems).to.include(
      "every mutant of the plugin is noticed: mutant not noticed: rotary dropped from layers.{layer}.in.weight (odd, TP 4)",
    );
    expect(problems).to.include(
      "every mutant of the plugin is noticed: mutant not noticed: transpose dropped from layers.{layer}.out.weight (odd, TP 4)",
    );
  });

  it("names those that are the identity: a head of one pair has one order of rows", async () => {
    const onePair = { ...model, config: { ...model.config, hidden_size: 8 } };
    const { problems, notes } = await test(writeCopy(), { valid: [onePair] });
    expect(problems.filter((line) => line.includes("mutant"))).to.deep.equal([]);
    const named = notes.filter((line) => line.startsWith("mutant that changes nothing in these cases: rotary"));
    expect(named).to.deep.equal([
      "mutant that changes nothing in these cases: rotary dropped from model.layers.{layer}.self_attn.q_proj.weight",
      "mutant that changes nothing in these cases: rotary dropped from model.layers.{layer}.self_attn.k_proj.weight",
      "mutant that changes nothing in these cases: rotary given to model.layers.{layer}.self_attn.v_proj.weight",
      "mutant that changes nothing in these cases: rotary flipped everywhere",
    ]);
  });

  it("asks for a case about every limit that the plugin itself declares", async () => {
    const limited = (yaml: string) =>
      `${yaml}limits: { nanotron: [{ setting: head_dim, only: 8, loss: weights, because: heads have eight rows }] }\n`;
    const valid = [{ name: "odd", config: familyConfig("odd"), mapping, costs }];
    const unsaid =
      "every mutant of the plugin is noticed: mutant not noticed: limit on head_dim dropped (no invalid case and no loss is about it)";
    expect((await test(writeFamily(scratch.fresh(), "odd", limited), { valid })).problems).to.deep.equal([unsaid]);
    const invalid = [{ name: "larger heads", config: familyConfig("odd", 16), code: "UNSUPPORTED", pointer: "/head_dim" }];
    expect((await test(writeFamily(scratch.fresh(), "odd", limited), { valid, invalid })).problems).to.deep.equal([]);
  });
});

describe("the kit, on faults of a conversion", () => {
  it("a bias that arrives as zeros is noticed, of each that a family has", async () => {
    const titles: string[] = [];
    const cases = { valid: [{ name: "odd", config: familyConfig("odd"), mapping, costs }] };
    await new ArchitectureTester().test(writeFamily(scratch.fresh(), "odd"), cases, (title) => titles.push(title));
    expect(titles).to.include("odd: a bias that is dropped is noticed");
  });
});
