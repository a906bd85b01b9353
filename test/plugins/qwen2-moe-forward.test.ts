// The two forwards of Qwen2 with experts against a third in float64 that shares nothing with them, on a pair written by hand; and what
// becomes of experts that are wrong.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { editJson, readJson, scratchFolder } from "../helpers/folders.js";
import { furthestFrom } from "../helpers/furthest.js";
import { MOE, type MoeOptions, writeMoePair } from "../helpers/made-moe.js";
import { type Pair, SIZES } from "../helpers/made-pair.js";
import { type NaiveRouting, naiveQwen2 } from "../helpers/naive-qwen2.js";

const engine = createEngine();
const scratch = scratchFolder("qwen2-moe");
after(scratch.remove);

const tokens = Array.from({ length: 25 }, (_, at) => (at * at * 7 + 3) % SIZES.vocab);
const seen = tokens.slice(0, -1);
/** float32 sums of some hundred terms, three layers deep; another expert moves a logit by more than 0.1. */
const LIMIT = 1e-4;

const furthest = (folder: string, expected: number[][]) => furthestFrom(expected, folder, tokens, scratch);

const pairOf = (options: MoeOptions = {}): Pair => writeMoePair(scratch.fresh, options);
const naive = ({ tensors }: Pair, routing: Partial<NaiveRouting> = {}): number[][] =>
  naiveQwen2(tensors, seen, { routing: { experts: MOE.experts, perToken: 2, ...routing } });

describe("qwen2-moe forwards, against float64", () => {
  for (const [perToken, normalize] of [
    [2, false],
    [2, true],
    [1, false],
    [5, false],
  ] as const)
    it(`huggingface, ${perToken} of 5 experts${normalize ? ", weights divided by their sum" : ""}`, async () => {
      const pair = pairOf({ perToken, normalize });
      expect(await furthest(pair.huggingface, naive(pair, { perToken, normalize }))).to.be.below(LIMIT);
    });

  for (const tp of [1, 2])
    for (const interleaved of [false, true])
      it(`nanotron, TP ${tp}${interleaved ? ", interleaved" : ""}`, async () => {
        const pair = pairOf({ tp, interleaved });
        expect(await furthest(pair.nanotron, naive(pair))).to.be.below(LIMIT);
      });

  it("nanotron, all experts of each token", async () => {
    const pair = pairOf({ perToken: 5 });
    expect(await furthest(pair.nanotron, naive(pair, { perToken: 5 }))).to.be.below(LIMIT);
  });

  it("nanotron with one expert a token counts it whole, which transformers does not", async () => {
    const pair = pairOf({ perToken: 1 });
    expect(await furthest(pair.nanotron, naive(pair, { perToken: 1, unweighed: true }))).to.be.below(LIMIT);
    expect(await furthest(pair.nanotron, naive(pair, { perToken: 1 }))).to.be.above(0.1);
  });

  it("huggingface with a window: of the layers that a list names, else of every other one from the first", async () => {
    const { huggingface, tensors } = pairOf();
    const windowed = (changes: object) =>
      editJson(huggingface, "config.json", { use_sliding_window: true, sliding_window: 8, max_window_layers: 3, ...changes });
    const [sliding, full] = ["sliding_attention", "full_attention"];
    windowed({ layer_types: [sliding, sliding, sliding] });
    expect(
      await furthest(huggingface, naiveQwen2(tensors, seen, { window: () => 8, routing: { experts: MOE.experts, perToken: 2 } })),
    ).to.be.below(LIMIT);
    const logitsOf = async (changes: object) => {
      windowed(changes);
      const logits = `${scratch.fresh()}.npy`;
      await engine.predict(huggingface, { tokens, executor: "cpu", logits });
      return readFileSync(logits).toString("base64");
    };
    const unlisted = await logitsOf({ layer_types: null });
    expect(await logitsOf({ layer_types: [sliding, full, sliding] })).to.equal(unlisted);
    expect(await logitsOf({ layer_types: [full, sliding, full] })).to.not.equal(unlisted);
    expect(await logitsOf({ layer_types: [sliding, full, full] })).to.equal(await logitsOf({ layer_types: null, max_window_layers: 2 }));
  });

  it("weights divided by their sum are another function", async () => {
    const pair = pairOf({ normalize: true });
    expect(await furthest(pair.huggingface, naive(pair))).to.be.above(0.1);
  });
});

describe("qwen2-moe pairs", () => {
  const verify = (a: string, b: string) => engine.verify(a, b, { predictions: 24, executor: "cpu" });

  it("a pair written by hand is equal, tensors and predictions, though the router is of another dtype", async () => {
    const { huggingface, nanotron } = pairOf({ tp: 2, interleaved: true });
    const { verdict, predictions } = await verify(huggingface, nanotron);
    expect([verdict, predictions?.agree]).to.deep.equal(["equal", true]);
  });

  it("experts in another order are found, by tensors and by predictions", async () => {
    const { huggingface, nanotron } = pairOf({ order: [0, 1, 3, 2, 4] });
    const { verdict, parameters, predictions } = await verify(huggingface, nanotron);
    expect(verdict).to.equal("different");
    expect(parameters?.different).to.have.length(SIZES.layers * 2 * 3);
    expect(predictions?.firstDivergence?.stage).to.equal("layer 0 feed-forward");
  });

  const moeOf = (folder: string) => readJson(folder, "model_config.json").moe_config;
  const message = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => "no error",
      (error: Error) => error.message,
    );

  it("Nanotron without a shared expert is refused on the way to Hugging Face", async () => {
    const { nanotron } = pairOf();
    editJson(nanotron, "model_config.json", { moe_config: { ...moeOf(nanotron), enable_shared_expert: false } });
    const refusal = engine.convert(nanotron, scratch.fresh(), { to: "huggingface", verify: "none" });
    expect(await message(refusal)).to.match(/enable_shared_expert false: transformers' Qwen2 MoE always has a shared expert/);
  });

  it("layers without experts are refused, by name of the setting", async () => {
    const { huggingface, nanotron } = pairOf();
    editJson(nanotron, "model_config.json", { moe_config: { ...moeOf(nanotron), layers: [0, 2] } });
    expect(await message(engine.convert(nanotron, scratch.fresh(), { to: "huggingface" }))).to.match(/moe_layers \[0,2\]/);
    expect(await message(engine.predict(nanotron, { tokens }))).to.match(/moe_config.layers: this forward has experts in every layer/);
    editJson(huggingface, "config.json", { mlp_only_layers: [1] });
    expect(await message(engine.convert(huggingface, scratch.fresh(), { to: "nanotron" }))).to.match(/mlp_only_layers \[1\]/);
    expect(await message(engine.predict(huggingface, { tokens }))).to.match(/mlp_only_layers: this forward has experts in every layer/);
  });

  it("a key of moe_config that nobody knows is named on the way to Hugging Face, and stays between Nanotron's own", async () => {
    const { nanotron } = pairOf();
    editJson(nanotron, "model_config.json", { moe_config: { ...moeOf(nanotron), z_loss: 0.5 } });
    const { warnings } = await engine.plan(nanotron, { to: "huggingface" });
    expect(warnings.join("\n")).to.include("moe_config.z_loss 0.5: unknown to qwen2-moe");
    const there = scratch.fresh();
    await engine.convert(nanotron, there, { to: "nanotron", tp: 2, verify: "none" });
    expect(moeOf(there).z_loss).to.equal(0.5);
  });

  it("a dense Qwen2 in Nanotron is still qwen2's, and one with experts is not", async () => {
    const { nanotron } = pairOf();
    expect((await engine.inspect(nanotron)).plugin).to.equal("qwen2-moe");
    editJson(nanotron, "model_config.json", { moe_config: null });
    expect((await engine.inspect(nanotron)).plugin).to.equal("qwen2");
    editJson(nanotron, "model_config.json", { no_rope_layer: "third" });
    expect((await engine.inspect(nanotron)).problems[0]?.message).to.include('no_rope_layer: expected an integer, found "third"');
  });
});
