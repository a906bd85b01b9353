// Faults of real conversions, each put into a right one: found by predictions alone, and by parameters alone, where it was put.

import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { faults } from "../helpers/faults/all.js";
import { sizesOf } from "../helpers/faults/checkpoint-files.js";
import { convertTo, factsOf, faultyCopy, huggingFace, nanotron, type Target } from "../helpers/faults/targets.js";
import { editJson, fixture, readJson, scratchFolder } from "../helpers/folders.js";

const engine = createEngine();
const scratch = scratchFolder("faults");
after(() => scratch.remove());

const source = fixture("tiny-llama3");
const sizes = sizesOf(readJson(source, "config.json"));
/** Few, so that hundreds of comparisons take no minutes; they reach back far enough for theta to tell. */
const PREDICTIONS = 24;

const inExact: readonly Target[] = [huggingFace, nanotron(1, 1, false), nanotron(2, 2, true), nanotron(4, 3, false)];

for (const target of inExact) {
  describe(`faults in ${target.name}, exact numerics`, () => {
    const facts = factsOf(sizes, target);
    let right = "";
    before(async () => {
      right = await convertTo(engine, source, target, scratch);
      const { verdict } = await engine.verify(source, right, { predictions: PREDICTIONS });
      expect(verdict).to.equal("equal");
    });

    for (const fault of faults.filter(({ appliesTo }) => appliesTo(facts))) {
      it(`${fault.id} ${fault.title}`, async () => {
        const faulty = faultyCopy(fault, right, scratch);
        const predicted = await engine.verify(source, faulty, { checks: ["predictions"], predictions: PREDICTIONS });
        expect(predicted).to.deep.include({ verdict: "different", parameters: null });
        expect(predicted.predictions?.firstDivergence?.stage).to.equal(fault.stage(facts));

        const { verdict, parameters, settings } = await engine.verify(source, faulty, { checks: ["parameters"] });
        expect(verdict).to.equal("different");
        expect(parameters).to.deep.include({ missing: [], extra: [] });
        expect([...(parameters?.different ?? [])].sort()).to.deep.equal([...fault.changes(facts)].sort());
        expect(settings.map((line) => line.split(":")[0])).to.deep.equal(fault.settings ?? []);
      });
    }
  });
}

/**
 * In bfloat16 two right sides differ by their roundings, and an epsilon of 1e-5 more or less moves the logits by no more than that:
 * which is why exact numerics are the default.
 */
const BELOW_BFLOAT16 = ["F18"];

for (const target of [huggingFace, nanotron(2, 1, false), nanotron(2, 2, true)]) {
  describe(`faults in ${target.name}, framework numerics`, () => {
    const facts = factsOf(sizes, target);
    const options = { checks: ["predictions"], predictions: PREDICTIONS, numerics: "framework" } as const;
    let right = "";
    before(async () => {
      right = await convertTo(engine, source, target, scratch);
      expect((await engine.verify(source, right, options)).verdict).to.equal("equal");
    });

    for (const fault of faults.filter(({ id, appliesTo }) => appliesTo(facts) && !BELOW_BFLOAT16.includes(id))) {
      it(`${fault.id} ${fault.title}`, async () => {
        const { verdict, predictions } = await engine.verify(source, faultyCopy(fault, right, scratch), options);
        expect([verdict, predictions?.firstDivergence?.stage]).to.deep.equal(["different", fault.stage(facts)]);
      });
    }
  });
}

describe("faults that leave nothing to predict with", () => {
  const refusal = (a: string, b: string) =>
    engine.verify(a, b, { checks: ["predictions"], predictions: PREDICTIONS }).then(
      ({ verdict }) => verdict,
      (error: Error) => error.message,
    );

  it("F18 another activation: no forward is run in its place, and the parameters check says different", async () => {
    const faulty = scratch.copy("tiny-llama3");
    editJson(faulty, "config.json", { hidden_act: "gelu" });
    expect(await refusal(source, faulty)).to.include('hidden_act "gelu": this forward knows silu');
    const { verdict, settings } = await engine.verify(source, faulty);
    expect({ verdict, settings }).to.deep.equal({ verdict: "different", settings: ['hidden_act: "silu" and "gelu"'] });
  });

  it("F14 a tied model called untied, whose lm_head then is nowhere", async () => {
    for (const [name, configName, missing] of [
      ["golden/tied-huggingface", "config.json", "lm_head.weight: not stored"],
      ["golden/tied-nanotron", "model_config.json", "model.lm_head.pp_block.weight: not stored"],
    ] as const) {
      const faulty = scratch.copy(name);
      editJson(faulty, configName, { tie_word_embeddings: false });
      expect(await refusal(fixture("golden/tied-huggingface"), faulty)).to.include(missing);
      expect((await engine.verify(fixture("golden/tied-huggingface"), faulty)).verdict).to.equal("different");
    }
  });
});
