// Starcoder2's two forwards against logits that transformers itself computed, and against a third forward in float64 that shares
// nothing with them, on a pair written by hand.

import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, type PredictOptions } from "../../core/index.js";
import { editJson, fixture, readJson, scratchFolder } from "../helpers/folders.js";
import { furthestFrom } from "../helpers/furthest.js";
import { SIZES, type Starcoder2Options, writeStarcoder2 } from "../helpers/made-starcoder2.js";
import { naiveStarcoder2 } from "../helpers/naive-starcoder2.js";
import { argmaxes, distance, type Logits, readLogits, referenceLogits } from "../helpers/reference.js";

const engine = createEngine();
const scratch = scratchFolder("starcoder2");
after(scratch.remove);

async function logitsOf(folder: string, options: PredictOptions): Promise<Logits> {
  const logits = `${scratch.fresh()}.npy`;
  await engine.predict(folder, { executor: "cpu", ...options, logits });
  return readLogits(logits);
}

/**
 * Small random models that transformers 5.17 made, with its logits on the CPU (test/gpu/small-models.py): three layers without a window,
 * two in one of 24 tokens; 97 tokens. Float32 sums in another order stay within 4e-5. Of `mean` and `bitEqual` the right roundings are
 * inside; outside are GELU unrounded (eager 0.057, 20.7 % and 0.035, 29.9 %; fused 0.0566, 20.1 % and 0.0339, 30.9 %), and further off
 * queries and keys rounded once, as Nanotron's Llama rounds them, and LayerNorm rounded before its weight.
 */
const MODELS = [
  { name: "starcoder2", eager: { mean: 0.0125, bitEqual: 0.7 }, fused: { mean: 0.053, bitEqual: 0.22 } },
  { name: "starcoder2-window", eager: { mean: 0.0001, bitEqual: 0.99 }, fused: { mean: 0.031, bitEqual: 0.33 } },
];
const EXACT_LIMIT = 1e-4;

describe("starcoder2 forwards, against transformers' own logits", () => {
  for (const { name, eager, fused } of MODELS) {
    const folder = fixture(`transformers/${name}`);
    const tokens: number[] = JSON.parse(readFileSync(fixture(`transformers/${name}-tokens.json`), "utf8"));
    const expectExact = async (path: string) => {
      const [found, reference] = [await logitsOf(path, { tokens }), referenceLogits(`transformers/${name}-logits-fp32`)];
      expect(distance(found, reference).max).to.be.below(EXACT_LIMIT);
      expect(argmaxes(found)).to.deep.equal(argmaxes(reference));
    };
    it(`${name}: exact`, () => expectExact(folder));
    for (const tp of [1, 2])
      it(`${name}: exact, converted to Nanotron TP ${tp}`, async () => {
        const there = scratch.fresh();
        await engine.convert(folder, there, { to: "nanotron", tp, verify: "none" });
        await expectExact(there);
      });
    for (const [attention, reference, limits] of [
      ["eager", "bf16-eager", eager],
      ["fused", "bf16-sdpa", fused],
    ] as const)
      it(`${name}: framework roundings, ${attention}`, async () => {
        const found = await logitsOf(folder, { tokens, numerics: "framework", attention });
        const { mean, bitEqual } = distance(found, referenceLogits(`transformers/${name}-logits-${reference}`));
        expect(mean).to.be.at.most(limits.mean);
        expect(bitEqual).to.be.at.least(limits.bitEqual);
      });
  }
});

const tokens = Array.from({ length: 25 }, (_, at) => (at * at * 7 + 3) % SIZES.vocab);
/** As many as the forward predicts from; the last token is only a label. */
const seen = tokens.slice(0, -1);
/** float32 sums of some hundred terms, three layers deep; a dropped bias moves a logit by more than 1. */
const LIMIT = 2e-4;

const furthest = (folder: string, expected: number[][]) => furthestFrom(expected, folder, tokens, scratch);

const pairOf = (options: Starcoder2Options = {}) => writeStarcoder2(scratch.fresh, options);

describe("starcoder2 forwards, against float64", () => {
  for (const window of [undefined, 1, 7]) {
    const inWindow = window === undefined ? "" : `, in a window of ${window}`;
    const windowOf = () => window ?? Number.POSITIVE_INFINITY;
    const options = window === undefined ? {} : { window };
    it(`huggingface${inWindow}`, async () => {
      const { huggingface, tensors } = pairOf(options);
      expect(await furthest(huggingface, naiveStarcoder2(tensors, seen, windowOf))).to.be.below(LIMIT);
    });
    for (const tp of [1, 2])
      it(`nanotron, TP ${tp}${inWindow}`, async () => {
        const { nanotron, tensors } = pairOf({ ...options, tp });
        expect(await furthest(nanotron, naiveStarcoder2(tensors, seen, windowOf))).to.be.below(LIMIT);
      });
  }

  it("nanotron, one layer without the window that the others have", async () => {
    const { nanotron, tensors } = pairOf({ window: 7, tp: 2 });
    editJson(nanotron, "model_config.json", { global_attn_layers: [1] });
    expect(
      await furthest(
        nanotron,
        naiveStarcoder2(tensors, seen, () => 7),
      ),
    ).to.be.above(0.01);
    const windowOf = (layer: number) => (layer === 1 ? Number.POSITIVE_INFINITY : 7);
    expect(await furthest(nanotron, naiveStarcoder2(tensors, seen, windowOf))).to.be.below(LIMIT);
  });
});

describe("starcoder2 pairs", () => {
  const verify = (a: string, b: string) => engine.verify(a, b, { predictions: 24, executor: "cpu" });

  it("a pair written by hand is equal, tensors and predictions, without a word on the order of rows", async () => {
    const { huggingface, nanotron } = pairOf({ tp: 2, window: 7 });
    const { verdict, predictions } = await verify(huggingface, nanotron);
    expect([verdict, predictions?.agree]).to.deep.equal(["equal", true]);
    expect((await verify(nanotron, pairOf({ window: 7 }).nanotron)).verdict).to.equal("equal");
  });

  it("a conversion writes the very config that was written by hand", async () => {
    const { huggingface, nanotron } = pairOf({ window: 7 });
    const there = scratch.fresh();
    await engine.convert(huggingface, there, { to: "nanotron", nanotronVersion: "1.5", verify: "none" });
    expect(readJson(there, "model_config.json")).to.deep.equal(readJson(nanotron, "model_config.json"));
    expect(readFileSync(`${there}/model_config.json`, "utf8")).to.match(/"rope_theta": 100000,/);
  });

  for (const [key, value] of Object.entries({ grouped_query: false, use_rotary_embeddings: false, activation_function: "gelu" })) {
    it(`${key} ${value}: no forward computes it, and none pretends to`, async () => {
      const { nanotron } = pairOf();
      editJson(nanotron, "model_config.json", { [key]: value });
      expect(await engine.predict(nanotron, { tokens }).catch((error: Error) => error.message)).to.include(key);
    });
  }

  it("rows are in one order: the other is refused, asked for or answered", async () => {
    const { huggingface, nanotron } = pairOf();
    const refused = async (call: Promise<unknown>) => call.catch((error: Error) => error.message);
    expect(await refused(engine.plan(huggingface, { to: "nanotron", ropeInterleaved: true }))).to.equal(
      "starcoder2 knows one order of q and k rows, half-split; drop --rope-interleaved",
    );
    expect(await refused(engine.plan(nanotron, { to: "huggingface", sourceRopeInterleaved: true }))).to.match(
      /model_config\.json: starcoder2 knows one order of q and k rows, half-split; drop --source-rope-interleaved$/,
    );
    expect(await refused(engine.verify(nanotron, nanotron, { sourceRopeInterleaved: true }))).to.match(/knows one order/);
  });

  it("a published theta is expected of Nanotron's checkpoints as their config can hold it", async () => {
    const { nanotron } = pairOf();
    const member = scratch.folder();
    const sizes = `{ hidden_size: ${SIZES.hidden}, num_hidden_layers: ${SIZES.layers} }`;
    const yaml = `name: mine\nextends: starcoder2\nidentify: { settings: ${sizes} }\nrope: { theta: 100000.4 }\n`;
    writeFileSync(`${member}/plugin.yaml`, yaml);
    const warningsOf = async () => {
      const { warnings } = await createEngine({ plugins: [member] }).plan(nanotron, { to: "huggingface" });
      return warnings.filter((line) => line.includes("rope_theta"));
    };
    expect(await warningsOf()).to.deep.equal([]);
    editJson(nanotron, "model_config.json", { rope_theta: 10000 });
    expect(await warningsOf()).to.deep.equal(["rope_theta: mine expects 100000, found 10000"]);
  });

  it("a theta that Nanotron has to round is what it was on the way back, and rounded where no receipt says so", async () => {
    const { huggingface } = pairOf();
    editJson(huggingface, "config.json", { rope_theta: 999999.4420358813 });
    const [there, back, bare] = [scratch.fresh(), scratch.fresh(), scratch.fresh()];
    const { semanticLosses } = await engine.convert(huggingface, there, { to: "nanotron", allowSemanticLoss: true });
    expect(semanticLosses).to.deep.equal(["rope_theta 999999.4420358813: Nanotron's rope_theta is an integer"]);
    expect(readJson(there, "model_config.json").rope_theta).to.equal(999999);
    const { warnings } = await engine.convert(there, back, { to: "huggingface" });
    expect(warnings).to.include("rope_theta 999999.4420358813 is restored from the receipt; Nanotron's rope_theta is an integer");
    expect(readJson(back, "config.json").rope_theta).to.equal(999999.4420358813);
    editJson(there, "model_config.json", { rope_theta: 10000 });
    await engine.convert(there, bare, { to: "huggingface" });
    expect(readJson(bare, "config.json").rope_theta).to.equal(10000);
  });
});
