// What the content of a pair leaves open: equal tensors.

import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { scratchFolder, writeTensors } from "../helpers/folders.js";
import { each, type Inferred, inferPair, mappingNamed, ones, ruleOf, zeros } from "../helpers/inferred.js";
import { type Tensors, writePair } from "../helpers/made-pair.js";
import { mappingOf } from "../helpers/mapping.js";

const scratch = scratchFolder("infer");
after(scratch.remove);
const engine = createEngine();

describe("plugins infer, what content leaves open", () => {
  const ambiguous = ({ report }: Inferred) => report.remarks.filter((remark) => remark.startsWith("ambiguous"));

  it("norms that are all ones are placed by their names, and each is told", async () => {
    const inferred = await inferPair(scratch.fresh, { family: "llama", tp: 2, edit: (tensors) => each(tensors, "norm.weight", ones) });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("llama"));
    expect(ambiguous(inferred)).to.have.length(3);
    expect(ambiguous(inferred).join("\n")).to.match(
      /model\.layers\.\{layer\}\.input_layernorm\.weight \(layers 0-2\) taken for .* by its name$/m,
    );
  });

  it("biases that are all zeros are placed as their weights are", async () => {
    const inferred = await inferPair(scratch.fresh, { family: "qwen2", tp: 2, edit: (tensors) => each(tensors, "_proj.bias", zeros) });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("qwen2"));
    expect(ambiguous(inferred)).to.have.length(3);
  });

  it("where only some biases are zeros, or rows are permuted, the others' order is theirs", async () => {
    const edit = (tensors: Tensors) => each(tensors, "layers.1.self_attn.q_proj.bias", zeros);
    const some = await inferPair(scratch.fresh, { family: "qwen2", tp: 2, interleaved: true, edit });
    expect([some.report.unexplained, some.report.carries]).to.deep.equal([[], true]);
    expect(some.mapping).to.deep.equal(mappingNamed("qwen2"));
    const all = await inferPair(scratch.fresh, {
      family: "qwen2",
      interleaved: true,
      edit: (tensors) => each(tensors, "_proj.bias", zeros),
    });
    expect(all.mapping).to.deep.equal(mappingNamed("qwen2"));
    expect(all.report.remarks.join("\n")).to.match(/q_proj\.bias: rotary as its module's other tensor is; its own rows fit any order/);
  });

  it("equal norms of names that say nothing are placed as in the other layers", async () => {
    const edit = (all: Tensors) => {
      for (const norm of ["input_layernorm", "post_attention_layernorm"]) each(all, `layers.1.${norm}.weight`, ones);
    };
    const { huggingface, nanotron, tensors } = writePair(scratch.fresh, { family: "llama", edit });
    // By their order alone the two would be exchanged.
    const other = (name: string) => name.replace("input_layernorm", "zz").replace("post_attention_layernorm", "aa");
    writeTensors(join(huggingface, "model.safetensors"), new Map([...tensors].map(([name, tensor]) => [other(name), tensor])));
    const out = scratch.fresh();
    const report = await engine.inferPlugin(huggingface, nanotron, { out });
    expect([report.unexplained, report.carries]).to.deep.equal([[], true]);
    const rule = ruleOf({ report, mapping: mappingOf(engine.checkPlugin(out)) }, "input_layernorm.weight");
    expect(rule?.sources.map(({ tensor }) => tensor)).to.deep.equal(["model.layers.{layer}.zz.weight"]);
  });

  it("a layer that equals another is placed by its number", async () => {
    const repeat = (tensors: Tensors) => {
      for (const [name, tensor] of tensors) if (name.includes("layers.0.")) tensors.set(name.replace("layers.0.", "layers.2."), tensor);
    };
    const inferred = await inferPair(scratch.fresh, { family: "llama", edit: repeat });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("llama"));
    expect(ambiguous(inferred).join()).to.include("(layers 0, 2)");
  });
});
