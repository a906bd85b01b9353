// What no rule can explain: said of each tensor, and why.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { editJson, type RawTensor, scratchFolder } from "../helpers/folders.js";
import { changed, type Inferred, inferPair } from "../helpers/inferred.js";
import { SIZES, type Tensors, writePair } from "../helpers/made-pair.js";
import type { HandMadeParameter } from "../helpers/write-nanotron.js";

const scratch = scratchFolder("infer");
after(scratch.remove);

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
    const inferred = await inferPair(scratch.fresh, { family: "llama", tied: true, edit });
    expectListed(inferred, /^huggingface model\.norm2\.weight: a copy of model\.norm\.weight$/);
    expect(inferred.report.carries).to.equal(false);
  });

  it("a name that would end a comment stays in it", async () => {
    const edit = (tensors: Tensors) => tensors.set("evil\nname: other", tensors.get("model.norm.weight") as RawTensor);
    const inferred = await inferPair(scratch.fresh, { family: "llama", edit });
    expect(inferred.report.plugin).to.equal("llama-draft");
    expectListed(inferred, /^huggingface evil\nname: other: a copy of/);
  });

  it("one element that differs", async () => {
    const inferred = await inferPair(scratch.fresh, {
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
    const inferred = await inferPair(scratch.fresh, {
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
    const inferred = await inferPair(scratch.fresh, { family: "llama", rearrange });
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
    expectListed(
      await inferPair(scratch.fresh, { family: "llama", rearrange: inPieces }),
      /0\.mlp\.down_proj\.weight: holds .*upper\.weight.* whole/,
    );
  });

  it("two layers exchanged", async () => {
    const swapped = (parameters: HandMadeParameter[]) =>
      parameters.map((parameter) => ({
        ...parameter,
        name: parameter.name.replace(/decoder\.([01])\./, (_, layer) => `decoder.${1 - Number(layer)}.`),
      }));
    expectListed(
      await inferPair(scratch.fresh, { family: "llama", rearrange: swapped }),
      /decoder\.0\..*o_proj\.weight: made of tensors of another layer: model\.layers\.1\./,
    );
  });

  it("an order of rows that the config denies, and one that it claims", async () => {
    const say = (value: boolean) => (pair: ReturnType<typeof writePair>) =>
      editJson(pair.nanotron, "model_config.json", { rope_interleaved: value });
    const denied = await inferPair(scratch.fresh, { family: "llama", interleaved: true }, say(false));
    expectListed(denied, /q_proj\.weight .*k_proj\.weight: their rows are permuted .*, and rope_interleaved is false/);
    const claimed = await inferPair(scratch.fresh, { family: "llama" }, say(true));
    expectListed(claimed, /rope_interleaved is true, and no tensor's rows are permuted/);
  });

  it("settings that the two configs say differently", async () => {
    const inferred = await inferPair(scratch.fresh, { family: "llama" }, ({ nanotron }) =>
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
