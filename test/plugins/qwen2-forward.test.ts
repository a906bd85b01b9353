// Qwen2's two forwards against a third in float64 that shares nothing with them, on a pair written by hand.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { editJson, scratchFolder } from "../helpers/folders.js";
import { furthestFrom } from "../helpers/furthest.js";
import { type Pair, type PairOptions, SIZES, writePair } from "../helpers/made-pair.js";
import { naiveQwen2 } from "../helpers/naive-qwen2.js";

const engine = createEngine();
const scratch = scratchFolder("qwen2");
after(scratch.remove);

const tokens = Array.from({ length: 25 }, (_, at) => (at * at * 7 + 3) % SIZES.vocab);
/** As many as the forward predicts from; the last token is only a label. */
const seen = tokens.slice(0, -1);
/** float32 sums of some hundred terms, three layers deep; a dropped bias moves a logit by more than 1. */
const LIMIT = 1e-4;

const furthest = (folder: string, expected: number[][]) => furthestFrom(expected, folder, tokens, scratch);

const pairOf = (options: Omit<PairOptions, "family">): Pair => writePair(scratch.fresh, { family: "qwen2", ...options });

describe("qwen2 forwards, against float64", () => {
  for (const tied of [false, true]) {
    it(`huggingface${tied ? ", tied" : ""}`, async () => {
      const { huggingface, tensors } = pairOf({ tied });
      expect(await furthest(huggingface, naiveQwen2(tensors, seen))).to.be.below(LIMIT);
    });
    for (const tp of [1, 2])
      for (const interleaved of [false, true])
        it(`nanotron, TP ${tp}${interleaved ? ", interleaved" : ""}${tied ? ", tied" : ""}`, async () => {
          const { nanotron, tensors } = pairOf({ tied, tp, interleaved });
          expect(await furthest(nanotron, naiveQwen2(tensors, seen))).to.be.below(LIMIT);
        });
  }

  it("without rotation in every third layer, which differs from all layers rotated", async () => {
    const { nanotron, tensors } = pairOf({});
    editJson(nanotron, "model_config.json", { no_rope_layer: 3 });
    expect(await furthest(nanotron, naiveQwen2(tensors, seen))).to.be.above(0.1);
    editJson(nanotron, "model_config.json", { no_rope_layer: 4 }); // of three layers none is the fourth
    expect(await furthest(nanotron, naiveQwen2(tensors, seen))).to.be.below(LIMIT);
  });

  it("with a window: Nanotron's in every layer that rotates, transformers' from a layer on or in those of a list", async () => {
    const { huggingface, nanotron, tensors } = pairOf({ tp: 2 });
    const [windowed, whole] = [naiveQwen2(tensors, seen, { window: () => 8 }), naiveQwen2(tensors, seen)];
    const transformers = (layers: object) =>
      editJson(huggingface, "config.json", { use_sliding_window: true, sliding_window: 8, max_window_layers: 28, ...layers });
    editJson(nanotron, "model_config.json", { sliding_window_size: 8 });
    expect(await furthest(nanotron, windowed)).to.be.below(LIMIT);
    transformers({ max_window_layers: 0 });
    expect(await furthest(huggingface, windowed)).to.be.below(LIMIT);
    transformers({ layer_types: Array(SIZES.layers).fill("sliding_attention") });
    expect(await furthest(huggingface, windowed)).to.be.below(LIMIT);
    transformers({ layer_types: null });
    expect(await furthest(huggingface, whole)).to.be.below(LIMIT);
    editJson(nanotron, "model_config.json", { no_rope_layer: 1 }); // no layer rotates, so that none has a window
    expect(await furthest(nanotron, windowed)).to.be.above(0.1);
  });
});

describe("qwen2 pairs", () => {
  const verify = (a: string, b: string) => engine.verify(a, b, { predictions: 24, executor: "cpu" });

  it("a pair written by hand is equal, tensors and predictions", async () => {
    const { huggingface, nanotron } = pairOf({ tp: 2, interleaved: true });
    const { verdict, predictions } = await verify(huggingface, nanotron);
    expect([verdict, predictions?.agree]).to.deep.equal(["equal", true]);
  });

  it("biases left at zero are found, by tensors and by predictions (F20)", async () => {
    const zeroed = (name: string) => name.endsWith("1.pp_block.attn.qkv_proj.bias");
    const { huggingface, nanotron } = pairOf({
      tp: 2,
      rearrange: (parameters) =>
        parameters.map((parameter) => {
          const { whole } = parameter;
          return zeroed(parameter.name) ? { ...parameter, whole: { ...whole, data: Buffer.alloc(whole.data.length) } } : parameter;
        }),
    });
    const { verdict, parameters, predictions } = await verify(huggingface, nanotron);
    expect(verdict).to.equal("different");
    expect(parameters?.different).to.have.members(["q", "k", "v"].map((part) => `model.layers.1.self_attn.${part}_proj.bias`));
    expect(predictions?.firstDivergence?.stage).to.equal("layer 1 attention");
  });

  it("a bias that Nanotron's config does not have is refused on the way to Hugging Face", async () => {
    const { nanotron } = pairOf({});
    editJson(nanotron, "model_config.json", { attention_bias: false });
    const refusal = engine.convert(nanotron, scratch.fresh(), { to: "huggingface", plugin: "qwen2", verify: "none" });
    expect(await refusal.catch((error: Error) => error.message)).to.match(/attention_bias false: transformers' Qwen2 always has biases/);
  });

  for (const [key, value] of Object.entries({ moe_config: { num_experts: 2 }, flex_attention_mask: "document" })) {
    it(`${key}: no forward computes it, and none pretends to`, async () => {
      const { nanotron } = pairOf({});
      editJson(nanotron, "model_config.json", { [key]: value });
      expect(await engine.predict(nanotron, { tokens }).catch((error: Error) => error.message)).to.include(key);
    });
  }
});
