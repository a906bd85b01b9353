// Which symbols an axis gets, where several have its size.

import { expect } from "chai";
import { describe, it } from "mocha";
import { shapeOf, sizesOf } from "../../core/infer/dimensions.js";
import type { Rule } from "../../core/infer/rules.js";

const config = { hidden_size: 64, num_attention_heads: 4, num_key_value_heads: 4, intermediate_size: 64, vocab_size: 64 };
const sizes = sizesOf(config);
const attention = new Set(["model.layers.{layer}.self_attn"]);

/** Everything is 64: hidden, 4 heads of 16, 4 key/value heads of 16, feed-forward and vocabulary. */
function shapes(names: string[], shape: number[], sharedAxis: number | undefined, transpose = false): (string | undefined)[] {
  const parts = names.map((name) => ({ template: `model.layers.{layer}.${name}.weight`, shape, transpose, headDim: undefined }));
  const rule: Rule = {
    template: "model.decoder.{layer}.it.weight",
    parts,
    fuseAxis: names.length > 1 ? 0 : undefined,
    sharedAxis,
    layers: 2,
  };
  return parts.map((_, at) => shapeOf(rule, at, sizes, attention).shape);
}

describe("symbols of axes of one size", () => {
  const cases: [string, string[], number[], number | undefined, boolean, string[]][] = [
    [
      "queries, keys and values",
      ["self_attn.q", "self_attn.k", "self_attn.v"],
      [64, 64],
      0,
      false,
      ["(heads head_dim) hidden", "(kv_heads head_dim) hidden", "(kv_heads head_dim) hidden"],
    ],
    ["the attention's output", ["self_attn.o"], [64, 64], 1, false, ["hidden (heads head_dim)"]],
    ["what is shared outside of an attention is not the residual stream", ["mlp.up"], [64, 64], 0, false, ["ffn hidden"]],
    ["the same transposed: Nanotron's axis 0 is the second", ["mlp.up"], [64, 64], 0, true, ["hidden ffn"]],
    ["what every rank has is the residual stream", ["norm"], [64], undefined, false, ["hidden"]],
  ];
  for (const [what, names, shape, sharedAxis, transpose, expected] of cases)
    it(what, () => {
      expect(shapes(names, shape, sharedAxis, transpose)).to.deep.equal(expected);
    });

  it("a table outside of the layers is the vocabulary's", () => {
    const part = { template: "lm_head.weight", shape: [64, 64], transpose: false, headDim: undefined };
    const rule: Rule = { template: "it", parts: [part], fuseAxis: undefined, sharedAxis: 0, layers: undefined };
    expect(shapeOf(rule, 0, sizes, attention).shape).to.equal("vocab hidden");
  });

  it("a doubt is told, a size that nothing has is none", () => {
    const rule: Rule = {
      template: "it",
      parts: [{ template: "mlp.up.weight", shape: [64, 63], transpose: false, headDim: undefined }],
      fuseAxis: undefined,
      sharedAxis: 0,
      layers: 2,
    };
    expect(shapeOf(rule, 0, sizes, attention)).to.deep.equal({
      shape: undefined,
      doubts: ["mlp.up.weight, axis 0: 64 is ffn or vocab; taken for the first"],
    });
  });
});
