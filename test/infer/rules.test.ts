// What the content of a pair shows: every family there is, and rules of other kinds.

import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { type RawTensor, scratchFolder, writeTensors } from "../helpers/folders.js";
import { changed, inferPair, mappingNamed, ruleOf } from "../helpers/inferred.js";
import { stack, type Tensors, transposed, writePair } from "../helpers/made-pair.js";
import { mappingOf } from "../helpers/mapping.js";

const scratch = scratchFolder("infer");
after(scratch.remove);
const engine = createEngine();

describe("plugins infer rebuilds a family's rules from a pair written by hand", () => {
  for (const family of ["llama", "qwen2"] as const)
    for (const tp of [1, 2])
      for (const interleaved of [false, true])
        it(`${family}, TP ${tp}${interleaved ? ", interleaved" : ""}`, async () => {
          const { report, mapping } = await inferPair(scratch.fresh, { family, tp, interleaved });
          expect([report.unexplained, report.carries]).to.deep.equal([[], true]);
          expect(mapping).to.deep.equal(mappingNamed(family));
          const how = interleaved ? /rotary, as its rows are permuted in heads of 16$/ : /^rotary by name only/;
          expect(report.remarks.some((remark) => how.test(remark))).to.equal(true);
        });
});

describe("plugins infer, what content shows", () => {
  it("q and k are rotary though nothing is called so, where their rows are permuted", async () => {
    const { huggingface, nanotron, tensors } = writePair(scratch.fresh, { family: "qwen2", interleaved: true });
    const other = (name: string) => name.replace("q_proj", "wide").replace("k_proj", "narrow");
    writeTensors(join(huggingface, "model.safetensors"), new Map([...tensors].map(([name, tensor]) => [other(name), tensor])));
    const out = scratch.fresh();
    const report = await engine.inferPlugin(huggingface, nanotron, { out });
    expect([report.unexplained, report.carries]).to.deep.equal([[], true]);
    const rule = ruleOf({ report, mapping: mappingOf(engine.checkPlugin(out)) }, "qkv_proj.bias");
    expect(rule?.sources.map(({ tensor, rotary }) => [tensor.split(".").at(-2), rotary])).to.deep.equal([
      ["wide", true],
      ["narrow", true],
      ["v_proj", false],
    ]);
  });

  it("the order in which tensors are joined, whatever it is", async () => {
    const rearrange = changed("attn.qkv_proj.weight", ({ name, axis = 0 }, tensors) => {
      const layer = /decoder\.(\d+)/.exec(name)?.[1];
      const parts = ["k", "q", "v"].map((part) => tensors.get(`model.layers.${layer}.self_attn.${part}_proj.weight`) as RawTensor);
      return { name, whole: stack(parts), axis, chunks: parts.map(({ shape }) => shape[0] ?? 0) };
    });
    const inferred = await inferPair(scratch.fresh, { family: "llama", tp: 2, rearrange });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    const parts = ruleOf(inferred, "qkv_proj.weight")?.sources.map(({ tensor }) => tensor.split(".").at(-2));
    expect(parts).to.deep.equal(["k_proj", "q_proj", "v_proj"]);
  });

  it("a transposed matrix, cut along the other axis", async () => {
    const rearrange = changed("mlp.down_proj.weight", (parameter) => ({ ...parameter, whole: transposed(parameter.whole), axis: 0 }));
    const inferred = await inferPair(scratch.fresh, { family: "llama", tp: 2, rearrange });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(ruleOf(inferred, "mlp.down_proj.weight")).to.deep.equal({
      axis: undefined,
      parallel: "column",
      tied: undefined,
      sources: [{ tensor: "model.layers.{layer}.mlp.down_proj.weight", shape: [["hidden"], ["ffn"]], rotary: false, transpose: true }],
    });
  });

  it("transposed matrices joined along the other axis, on every rank", async () => {
    const rearrange = changed("mlp.gate_up_proj.weight", ({ name, whole }) => ({ name, whole: transposed(whole) }));
    const inferred = await inferPair(scratch.fresh, { family: "llama", rearrange });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    const rule = ruleOf(inferred, "mlp.gate_up_proj.weight");
    expect([rule?.axis, rule?.parallel, rule?.sources.map(({ transpose }) => transpose)]).to.deep.equal([1, undefined, [true, true]]);
  });

  it("matrices joined side by side, untransposed", async () => {
    // Both are [ffn, hidden]; side by side they are [ffn, 2 hidden].
    const rearrange = changed("mlp.gate_up_proj.weight", ({ name }, tensors) => {
      const layer = /decoder\.(\d+)/.exec(name)?.[1];
      const turned = ["gate", "up"].map((part) => transposed(tensors.get(`model.layers.${layer}.mlp.${part}_proj.weight`) as RawTensor));
      return { name, whole: transposed(stack(turned)) };
    });
    const inferred = await inferPair(scratch.fresh, { family: "llama", rearrange });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    const rule = ruleOf(inferred, "mlp.gate_up_proj.weight");
    expect([rule?.axis, rule?.sources.map(({ transpose }) => transpose)]).to.deep.equal([1, [false, false]]);
  });

  it("a copy of the embeddings that only Hugging Face stores, tied by its config", async () => {
    const edit = (tensors: Tensors) => tensors.set("lm_head.weight", tensors.get("model.embed_tokens.weight") as RawTensor);
    const out = scratch.fresh();
    const { huggingface, nanotron } = writePair(scratch.fresh, { family: "llama", tied: true, edit });
    const report = await engine.inferPlugin(huggingface, nanotron, { out });
    expect([report.unexplained, report.carries]).to.deep.equal([[], true]);
    expect(engine.checkPlugin(out).ignore).to.deep.equal([
      { tensor: "lm_head.weight", because: "equal to model.embed_tokens.weight, to which tie_word_embeddings ties it" },
    ]);
  });
});
