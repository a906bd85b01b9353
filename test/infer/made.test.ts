// Inference on pairs written by hand: what content shows, what it leaves open, and what cannot be declared.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, type InferReport } from "../../core/index.js";
import { editJson, fixture, type RawTensor, scratchFolder, writeTensors } from "../helpers/folders.js";
import { type PairOptions, SIZES, stack, type Tensors, transposed, writePair } from "../helpers/made-pair.js";
import { mappingOf } from "../helpers/mapping.js";
import { expectRefused } from "../helpers/refusal.js";
import type { HandMadeParameter } from "../helpers/write-nanotron.js";

const scratch = scratchFolder("infer-made");
after(scratch.remove);
const engine = createEngine();

interface Inferred {
  readonly report: InferReport;
  readonly mapping: ReturnType<typeof mappingOf>;
}

async function inferPair(options: PairOptions, change?: (pair: ReturnType<typeof writePair>) => void): Promise<Inferred> {
  const pair = writePair(scratch.fresh, options);
  change?.(pair);
  const out = scratch.fresh();
  const report = await engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
  return { report, mapping: mappingOf(engine.checkPlugin(out)) };
}

function mappingNamed(name: string): ReturnType<typeof mappingOf> {
  const plugin = engine.plugins().find((candidate) => candidate.name === name);
  if (plugin === undefined) throw new Error(`no plugin ${name}`);
  return mappingOf(plugin);
}

/** The rule of one parameter, by the end of its name. */
const ruleOf = ({ mapping }: Inferred, end: string) =>
  mapping.flatMap(({ parameters }) => parameters).find(([name]) => name.endsWith(end))?.[1];

const ones = ({ dtype, shape, data }: RawTensor): RawTensor => {
  const same = Buffer.alloc(data.length);
  for (let at = 0; at < data.length; at += 2) same.writeUInt16LE(0x3f80, at);
  return { dtype, shape, data: same };
};
const zeros = ({ dtype, shape, data }: RawTensor): RawTensor => ({ dtype, shape, data: Buffer.alloc(data.length) });

const each = (tensors: Tensors, end: string, change: (tensor: RawTensor) => RawTensor): void => {
  for (const [name, tensor] of tensors) if (name.endsWith(end)) tensors.set(name, change(tensor));
};
const changed =
  (end: string, change: (parameter: HandMadeParameter, tensors: Tensors) => HandMadeParameter | undefined) =>
  (parameters: HandMadeParameter[], tensors: Tensors): HandMadeParameter[] =>
    parameters.flatMap((parameter) => (parameter.name.endsWith(end) ? (change(parameter, tensors) ?? []) : parameter));

describe("plugins infer rebuilds a family's rules from a pair written by hand", () => {
  for (const family of ["llama", "qwen2"] as const)
    for (const tp of [1, 2])
      for (const interleaved of [false, true])
        it(`${family}, TP ${tp}${interleaved ? ", interleaved" : ""}`, async () => {
          const { report, mapping } = await inferPair({ family, tp, interleaved });
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
    const inferred = await inferPair({ family: "llama", tp: 2, rearrange });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    const parts = ruleOf(inferred, "qkv_proj.weight")?.sources.map(({ tensor }) => tensor.split(".").at(-2));
    expect(parts).to.deep.equal(["k_proj", "q_proj", "v_proj"]);
  });

  it("a transposed matrix, cut along the other axis", async () => {
    const rearrange = changed("mlp.down_proj.weight", (parameter) => ({ ...parameter, whole: transposed(parameter.whole), axis: 0 }));
    const inferred = await inferPair({ family: "llama", tp: 2, rearrange });
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
    const inferred = await inferPair({ family: "llama", rearrange });
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
    const inferred = await inferPair({ family: "llama", rearrange });
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

describe("plugins infer, what content leaves open", () => {
  const ambiguous = ({ report }: Inferred) => report.remarks.filter((remark) => remark.startsWith("ambiguous"));

  it("norms that are all ones are placed by their names, and each is told", async () => {
    const inferred = await inferPair({ family: "llama", tp: 2, edit: (tensors) => each(tensors, "norm.weight", ones) });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("llama"));
    expect(ambiguous(inferred)).to.have.length(3);
    expect(ambiguous(inferred).join("\n")).to.match(
      /model\.layers\.\{layer\}\.input_layernorm\.weight \(layers 0-2\) taken for .* by its name$/m,
    );
  });

  it("biases that are all zeros are placed as their weights are", async () => {
    const inferred = await inferPair({ family: "qwen2", tp: 2, edit: (tensors) => each(tensors, "_proj.bias", zeros) });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("qwen2"));
    expect(ambiguous(inferred)).to.have.length(3);
  });

  it("where only some biases are zeros, or rows are permuted, the others' order is theirs", async () => {
    const edit = (tensors: Tensors) => each(tensors, "layers.1.self_attn.q_proj.bias", zeros);
    const some = await inferPair({ family: "qwen2", tp: 2, interleaved: true, edit });
    expect([some.report.unexplained, some.report.carries]).to.deep.equal([[], true]);
    expect(some.mapping).to.deep.equal(mappingNamed("qwen2"));
    const all = await inferPair({ family: "qwen2", interleaved: true, edit: (tensors) => each(tensors, "_proj.bias", zeros) });
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
    const inferred = await inferPair({ family: "llama", edit: repeat });
    expect([inferred.report.unexplained, inferred.report.carries]).to.deep.equal([[], true]);
    expect(inferred.mapping).to.deep.equal(mappingNamed("llama"));
    expect(ambiguous(inferred).join()).to.include("(layers 0, 2)");
  });
});

describe("plugins infer, what it cannot explain", () => {
  const reasons = ({ report }: Inferred) =>
    report.unexplained.map(({ layout, names, because }) => `${layout} ${names.join(" ")}: ${because}`);
  const expectListed = (inferred: Inferred, ...patterns: RegExp[]) => {
    for (const pattern of patterns)
      expect(
        reasons(inferred).filter((line) => pattern.test(line)),
        `${pattern}\n${reasons(inferred).join("\n")}`,
      ).to.have.length(1);
  };

  it("a tensor of Hugging Face's own, though an equal one is in Nanotron, and the config ties embeddings", async () => {
    const edit = (tensors: Tensors) => tensors.set("model.norm2.weight", tensors.get("model.norm.weight") as RawTensor);
    const inferred = await inferPair({ family: "llama", tied: true, edit });
    expectListed(inferred, /^huggingface model\.norm2\.weight: a copy of model\.norm\.weight$/);
    expect(inferred.report.carries).to.equal(false);
  });

  it("a name that would end a comment stays in it", async () => {
    const edit = (tensors: Tensors) => tensors.set("evil\nname: other", tensors.get("model.norm.weight") as RawTensor);
    const inferred = await inferPair({ family: "llama", edit });
    expect(inferred.report.plugin).to.equal("llama-draft");
    expectListed(inferred, /^huggingface evil\nname: other: a copy of/);
  });

  it("one element that differs", async () => {
    const inferred = await inferPair({
      family: "llama",
      tp: 2,
      rearrange: changed("decoder.1.pp_block.attn.o_proj.weight", (parameter) => {
        const data = Buffer.from(parameter.whole.data);
        data.writeUInt16LE(data.readUInt16LE(300) ^ 1, 300);
        return { ...parameter, whole: { ...parameter.whole, data } };
      }),
    });
    expect(inferred.report.carries).to.equal(false);
    expectListed(
      inferred,
      /^huggingface model\.layers\.1\.self_attn\.o_proj\.weight: 63 of its 64 rows are in model\.decoder\.1/,
      /^nanotron model\.decoder\.1\.pp_block\.attn\.o_proj\.weight: 63 of its 64 rows/,
      /^huggingface model\.layers\.0\.self_attn\.o_proj\.weight model\.layers\.2.*: layers 1 have no such parameter/,
    );
  });

  it("rows in an order of no known transform: per key/value group", async () => {
    const inferred = await inferPair({
      family: "llama",
      rearrange: changed("attn.qkv_proj.weight", (parameter) => ({ ...parameter, whole: grouped(parameter.whole) })),
    });
    expectListed(
      inferred,
      /^huggingface .*0\.self_attn\.q_proj\.weight .*: its rows are all in model\.decoder\.0\..*, in no order known here/,
    );
  });

  it("rows between those of two tensors", async () => {
    const rearrange = changed("attn.qkv_proj.weight", ({ name, whole }) => {
      const { dtype, shape, data } = whole;
      const [cut, more] = [SIZES.heads * SIZES.headDim, 16];
      const at = (data.length / (shape[0] ?? 1)) * cut;
      const padding = Buffer.alloc((data.length / (shape[0] ?? 1)) * more, 7);
      const padded = Buffer.concat([data.subarray(0, at), padding, data.subarray(at)]);
      return { name, whole: { dtype, shape: [(shape[0] ?? 0) + more, shape[1] ?? 0], data: padded } };
    });
    const inferred = await inferPair({ family: "llama", rearrange });
    expectListed(inferred, /^nanotron model\.decoder\.0\..*qkv_proj\.weight: its rows 64 to 80 are those of no tensor$/);
    expect(inferred.report.carries).to.equal(false);
  });

  it("a tensor that Nanotron's side has in two pieces", async () => {
    const rearrange = changed("decoder.0.pp_block.mlp.down_proj.weight", () => undefined);
    const inPieces = (parameters: HandMadeParameter[], tensors: Tensors): HandMadeParameter[] => {
      const { dtype, shape, data } = tensors.get("model.layers.0.mlp.down_proj.weight") as RawTensor;
      const half = [SIZES.hidden / 2, shape[1] ?? 0];
      const piece = (name: string, from: number): HandMadeParameter => ({
        name: `model.decoder.0.pp_block.mlp.${name}.weight`,
        whole: { dtype, shape: half, data: data.subarray(from, from + data.length / 2) },
      });
      return [...rearrange(parameters, tensors), piece("upper", 0), piece("lower", data.length / 2)];
    };
    expectListed(await inferPair({ family: "llama", rearrange: inPieces }), /0\.mlp\.down_proj\.weight: holds .*upper\.weight.* whole/);
  });

  it("two layers exchanged", async () => {
    const swapped = (parameters: HandMadeParameter[]) =>
      parameters.map((parameter) => ({
        ...parameter,
        name: parameter.name.replace(/decoder\.([01])\./, (_, layer) => `decoder.${1 - Number(layer)}.`),
      }));
    expectListed(
      await inferPair({ family: "llama", rearrange: swapped }),
      /decoder\.0\..*o_proj\.weight: made of tensors of another layer: model\.layers\.1\./,
    );
  });

  it("an order of rows that the config denies, and one that it claims", async () => {
    const say = (value: boolean) => (pair: ReturnType<typeof writePair>) =>
      editJson(pair.nanotron, "model_config.json", { rope_interleaved: value });
    const denied = await inferPair({ family: "llama", interleaved: true }, say(false));
    expectListed(denied, /q_proj\.weight .*k_proj\.weight: their rows are permuted .*, and rope_interleaved is false/);
    const claimed = await inferPair({ family: "llama" }, say(true));
    expectListed(claimed, /rope_interleaved is true, and no tensor's rows are permuted/);
  });

  it("settings that the two configs say differently", async () => {
    const inferred = await inferPair({ family: "llama" }, ({ nanotron }) =>
      editJson(nanotron, "model_config.json", { rms_norm_eps: 1e-5 }),
    );
    expectListed(inferred, /^nanotron rms_norm_eps: config\.json says 0\.000001, model_config\.json 0\.00001$/);
  });
});

/** [its q heads, k, v] for each key/value head, as Starcoder2 has it. */
function grouped({ dtype, shape, data }: RawTensor): RawTensor {
  const { heads, kvHeads, headDim } = SIZES;
  const headBytes = (data.length / (shape[0] ?? 1)) * headDim;
  const head = (at: number) => data.subarray(at * headBytes, (at + 1) * headBytes);
  const queries = heads / kvHeads;
  const groups = Array.from({ length: kvHeads }, (_, group) => [
    ...Array.from({ length: queries }, (__, at) => head(group * queries + at)),
    head(heads + group),
    head(heads + kvHeads + group),
  ]);
  return { dtype, shape, data: Buffer.concat(groups.flat()) };
}

describe("plugins infer refuses, and writes nothing", () => {
  const pair = writePair(scratch.fresh, { family: "llama" });

  it("checkpoints of two models", async () => {
    const parent = scratch.fresh();
    mkdirSync(parent);
    const infer = () => engine.inferPlugin(fixture("tiny-llama3"), pair.nanotron, { out: join(parent, "out") });
    await expectRefused(parent, infer, { code: 1, says: ["no parameter is made of tensors of", "are they of one model"] });
  });

  it("the two in the other order", async () => {
    const infer = () => engine.inferPlugin(pair.nanotron, pair.huggingface, { out: scratch.fresh() });
    await expectRefused(pair.nanotron, infer, {
      code: 2,
      says: ["expected a huggingface checkpoint, found nanotron", "Hugging Face folder first"],
    });
  });

  it("a folder that is there", async () => {
    const out = scratch.fresh();
    mkdirSync(out);
    writeFileSync(join(out, "notes.txt"), "mine");
    const infer = () => engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
    await expectRefused(out, infer, { code: 2, says: ["already exists", "--out"] });
  });

  it("when it is cancelled", async () => {
    const out = scratch.fresh();
    const abort = new AbortController();
    const infer = engine.inferPlugin(pair.huggingface, pair.nanotron, { out, signal: abort.signal, onProgress: () => abort.abort() });
    expect(await infer.catch((error: { code: string }) => error.code)).to.equal("CANCELLED");
    expect(existsSync(out)).to.equal(false);
  });

  it("but takes an empty folder", async () => {
    const out = scratch.fresh();
    mkdirSync(out);
    await engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
    expect(readdirSync(out)).to.deep.equal(["plugin.yaml"]);
  });
});
