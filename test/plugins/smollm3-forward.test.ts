// SmolLM3's two forwards against a third in float64 that shares nothing with them, on a pair written by hand, and its config both ways.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { editJson, scratchFolder } from "../helpers/folders.js";
import { furthestFrom } from "../helpers/furthest.js";
import { type Pair, type PairOptions, SIZES, writePair } from "../helpers/made-pair.js";
import { naiveQwen2 } from "../helpers/naive-qwen2.js";

const engine = createEngine();
const scratch = scratchFolder("smollm3");
after(scratch.remove);

const tokens = Array.from({ length: 25 }, (_, at) => (at * at * 7 + 3) % SIZES.vocab);
/** As many as the forward predicts from; the last token is only a label. */
const seen = tokens.slice(0, -1);
/** float32 sums of some hundred terms, three layers deep; a layer rotated that must not be moves a logit by more than 0.1. */
const LIMIT = 1e-4;
/** Of the pair's three layers the third is not rotated. */
const rotates = (layer: number) => layer !== 2;

const furthest = (folder: string, expected: number[][]) => furthestFrom(expected, folder, tokens, scratch);

const pairOf = (options: Omit<PairOptions, "family"> = {}): Pair => writePair(scratch.fresh, { family: "smollm3", ...options });
const readJson = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));

describe("smollm3 forwards, against float64", () => {
  for (const tied of [false, true]) {
    it(`huggingface${tied ? ", tied" : ""}`, async () => {
      const { huggingface, tensors } = pairOf({ tied });
      expect(await furthest(huggingface, naiveQwen2(tensors, seen, { rotates }))).to.be.below(LIMIT);
    });
    for (const tp of [1, 2])
      for (const interleaved of [false, true])
        it(`nanotron, TP ${tp}${interleaved ? ", interleaved" : ""}${tied ? ", tied" : ""}`, async () => {
          const { nanotron, tensors } = pairOf({ tied, tp, interleaved });
          expect(await furthest(nanotron, naiveQwen2(tensors, seen, { rotates }))).to.be.below(LIMIT);
        });
  }

  it("a layer rotated that must not be is seen, and the reverse", async () => {
    const { huggingface, nanotron, tensors } = pairOf();
    const expected = naiveQwen2(tensors, seen, { rotates });
    editJson(nanotron, "model_config.json", { no_rope_layer: null });
    expect(await furthest(nanotron, expected)).to.be.above(0.1);
    editJson(huggingface, "config.json", { no_rope_layers: [1, 0, 0] });
    expect(await furthest(huggingface, expected)).to.be.above(0.1);
    expect(await furthest(huggingface, naiveQwen2(tensors, seen, { rotates: (layer) => layer === 0 }))).to.be.below(LIMIT);
  });

  it("transformers reads the interval only where there is no list", async () => {
    const { huggingface, tensors } = pairOf();
    const expected = naiveQwen2(tensors, seen, { rotates });
    editJson(huggingface, "config.json", { no_rope_layer_interval: 2 });
    expect(await furthest(huggingface, expected)).to.be.below(LIMIT);
    editJson(huggingface, "config.json", { no_rope_layers: null, no_rope_layer_interval: 3 });
    expect(await furthest(huggingface, expected)).to.be.below(LIMIT);
  });

  it("a window is of the layers that do not rotate, or of those that layer_types names", async () => {
    const { huggingface, tensors } = pairOf();
    const windowed = (isIn: (layer: number) => boolean) =>
      naiveQwen2(tensors, seen, { rotates, window: (layer) => (isIn(layer) ? 8 : Number.POSITIVE_INFINITY) });
    editJson(huggingface, "config.json", { use_sliding_window: true, sliding_window: 8 });
    expect(
      await furthest(
        huggingface,
        windowed((layer) => layer === 2),
      ),
    ).to.be.below(LIMIT);
    editJson(huggingface, "config.json", { layer_types: ["sliding_attention", "full_attention", "full_attention"] });
    expect(
      await furthest(
        huggingface,
        windowed((layer) => layer === 0),
      ),
    ).to.be.below(LIMIT);
  });

  it("in Nanotron it is of the layers that rotate", async () => {
    const { nanotron, tensors } = pairOf();
    editJson(nanotron, "model_config.json", { sliding_window_size: 8 });
    const window = (layer: number) => (rotates(layer) ? 8 : Number.POSITIVE_INFINITY);
    expect(await furthest(nanotron, naiveQwen2(tensors, seen, { rotates, window }))).to.be.below(LIMIT);
  });
});

describe("smollm3 checkpoints", () => {
  it("a pair written by hand is equal, tensors and predictions", async () => {
    const { huggingface, nanotron } = pairOf({ tp: 2, interleaved: true });
    const { verdict, predictions } = await engine.verify(huggingface, nanotron, { predictions: 24, executor: "cpu" });
    expect([verdict, predictions?.agree]).to.deep.equal(["equal", true]);
  });

  it("another interval is different, by settings and from that layer's attention on", async () => {
    const { huggingface, nanotron } = pairOf({ tp: 2 });
    editJson(nanotron, "model_config.json", { no_rope_layer: 1 });
    const { verdict, settings, predictions } = await engine.verify(huggingface, nanotron, { predictions: 24, executor: "cpu" });
    expect(verdict).to.equal("different");
    expect(settings).to.have.length(1);
    expect(settings[0]).to.include("no_rope_layers");
    expect(predictions?.firstDivergence?.stage).to.equal("layer 0 attention");
  });

  it("from Nanotron the list and the interval are written, and read again", async () => {
    const { huggingface, nanotron } = pairOf();
    const [there, back] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(nanotron, there, { to: "huggingface", verify: "predictions" });
    expect(readJson(there, "config.json")).to.deep.include({
      model_type: "smollm3",
      no_rope_layers: [1, 1, 0],
      no_rope_layer_interval: 3,
      layer_types: ["full_attention", "full_attention", "full_attention"],
    });
    expect((await engine.verify(huggingface, there, { predictions: 24, executor: "cpu" })).verdict).to.equal("equal");
    await engine.convert(there, back, { to: "nanotron" });
    expect(readJson(back, "model_config.json")).to.deep.include({ no_rope_layer: 3, attention_bias: false, is_qwen2_config: true });
  });

  it("a list changed since the first conversion is what comes back, and not the receipt's", async () => {
    const { huggingface } = pairOf();
    const [there, back] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(huggingface, there, { to: "nanotron", verify: "none" });
    editJson(there, "model_config.json", { no_rope_layer: 1 });
    await engine.convert(there, back, { to: "huggingface", verify: "none" });
    expect(readJson(back, "config.json")).to.deep.include({ no_rope_layers: [0, 0, 0], no_rope_layer_interval: 1 });
  });

  it("a null first token is one in Nanotron, and null again on the way back", async () => {
    const { huggingface } = pairOf();
    editJson(huggingface, "config.json", { bos_token_id: null });
    const [there, back] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(huggingface, there, { to: "nanotron", verify: "none" });
    expect(readJson(there, "model_config.json").bos_token_id).to.equal(128000);
    await engine.convert(there, back, { to: "huggingface", verify: "none" });
    expect(readJson(back, "config.json").bos_token_id).to.equal(null);
  });
});
