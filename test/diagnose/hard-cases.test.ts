// Where a doctor goes wrong: other numbers of ranks, biases, a second fault behind the first, folders of several topologies.

import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { catalogue } from "../helpers/faults/catalogue.js";
import { openFiles } from "../helpers/faults/checkpoint-files.js";
import { inside, top } from "../helpers/faults/model-parts.js";
import { convertTo, faultyCopy, huggingFace, nanotron, type Target } from "../helpers/faults/targets.js";
import { type RawTensor, readAllTensors, scratchFolder, writeTensors } from "../helpers/folders.js";
import { type GaussianModel, writeGaussianLlama } from "../helpers/gaussian-llama.js";
import { writePair } from "../helpers/made-pair.js";

const engine = createEngine();
const scratch = scratchFolder("hard-cases");
after(() => scratch.remove());

const model: GaussianModel = {
  ...{ hidden: 48, heads: 6, kvHeads: 3, headDim: 8, ffn: 90, vocab: 96, layers: 3, tied: false, dtype: "BF16" },
};

function written(changes: Partial<GaussianModel>): string {
  const folder = scratch.fresh();
  writeGaussianLlama(folder, { ...model, ...changes }, 5);
  return folder;
}

type Damage = (folder: string) => void;

const inject = (title: string): Damage => {
  const fault = catalogue.find((candidate) => candidate.title === title);
  if (fault === undefined) throw new Error(`no fault ${title}`);
  return fault.inject;
};

/** Outcome, and the faults that came into question. */
async function said(original: string, suspect: string): Promise<[string | null, string[], readonly string[]]> {
  const { outcome, explanations, unexplained } = await engine.doctor(original, suspect, { checks: ["parameters"] });
  return [outcome, [...new Set(explanations.map(({ fault }) => fault))], unexplained];
}

async function saidOf(original: string, target: Target, ...damages: readonly Damage[]) {
  const suspect = await convertTo(engine, original, target, scratch);
  for (const damage of damages) damage(suspect);
  return said(original, suspect);
}

describe("the doctor on ranks that are not two, four or eight", () => {
  for (const [title, expected] of [
    ["qkv laid out per key/value group", ["ambiguous", ["F05", "F10"], []]],
    ["qkv cut as one block", ["ambiguous", ["F05", "F10"], []]],
    ["gate_up cut as one block", ["explained", ["F10"], []]],
    ["ranks of every tensor in the wrong order", ["explained", ["F11"], []]],
    ["o_proj cut along its rows", ["explained", ["F12"], []]],
  ] as const) {
    it(`${title}, joined from three`, async () => {
      expect(await saidOf(written(title.startsWith("gate") ? { ffn: 45 } : {}), huggingFace, inject(title))).to.deep.equal(expected);
    });
  }

  it("the last of three ranks left at zero", async () => {
    expect(await saidOf(written({}), nanotron(3, 1, true), inject("the last rank's o_proj left at zero"))).to.deep.equal([
      "explained",
      ["F09"],
      [],
    ]);
  });
});

describe("the doctor on a model of one layer", () => {
  for (const target of [huggingFace, nanotron(3, 1, true)]) {
    it(`names gate and up swapped: ${target.name}`, async () => {
      expect(await saidOf(written({ layers: 1 }), target, inject("gate and up swapped"))).to.deep.equal(["explained", ["F06"], []]);
    });
  }
});

describe("the doctor on biases", () => {
  const editTensors = (folder: string, edit: (tensors: Map<string, RawTensor>) => void): void => {
    const tensors = readAllTensors(folder);
    edit(tensors);
    writeTensors(join(folder, "model.safetensors"), tensors);
  };
  const swap = (tensors: Map<string, RawTensor>, a: string, b: string) => {
    const [first, second] = [tensors.get(a), tensors.get(b)];
    if (first === undefined || second === undefined) throw new Error(`no ${a} or ${b}`);
    tensors.set(a, second).set(b, first);
  };
  const K = "model.layers.1.self_attn.k_proj";
  const V = "model.layers.1.self_attn.v_proj";

  it("dropped from a Nanotron checkpoint, the original in Nanotron's layout too", async () => {
    const { nanotron: original } = writePair(scratch.fresh, { family: "qwen2", tp: 2 });
    const suspect = scratch.fresh();
    cpSync(original, suspect, { recursive: true });
    for (const layer of [0, 1, 2]) {
      const folder = join(suspect, `model/model/decoder/${layer}/pp_block/attn/qkv_proj`);
      for (const file of readdirSync(folder).filter((name) => name.startsWith("model_bias"))) rmSync(join(folder, file));
    }
    expect(await said(original, suspect)).to.deep.equal(["explained", ["F20"], []]);
  });

  it("of k and v exchanged, with their weights or alone: the order of fusing, and no norms", async () => {
    const { huggingface: original } = writePair(scratch.fresh, { family: "qwen2" });
    for (const leaves of [["weight", "bias"], ["bias"]]) {
      const suspect = scratch.fresh();
      cpSync(original, suspect, { recursive: true });
      editTensors(suspect, (tensors) => {
        for (const leaf of leaves) swap(tensors, `${K}.${leaf}`, `${V}.${leaf}`);
      });
      expect(await said(original, suspect)).to.deep.equal(["explained", ["F04"], []]);
    }
  });
});

describe("the doctor on a fault behind a fault", () => {
  const TIED = "tied in the config, though lm_head is a tensor of its own";
  for (const target of [huggingFace, nanotron(2, 1, false)]) {
    it(`tied wrongly, and the lm_head that the config hides is another one too: ${target.name}`, async () => {
      const spoil: Damage = (folder) => {
        const [part] = top(openFiles(folder), "lmHead");
        part?.write(part.read().map((byte, at) => (at % 2 === 0 ? byte ^ 3 : byte)));
      };
      const even = written({ kvHeads: 2 });
      expect(await saidOf(even, target, inject(TIED))).to.deep.equal(["explained", ["F14"], []]);
      expect(await saidOf(even, target, spoil, inject(TIED))).to.deep.equal(["unexplained", ["F14"], ["lm_head.weight"]]);
    });
  }

  it("untied wrongly, with an lm_head that is not the embedding", async () => {
    const original = written({ tied: true });
    const add: Damage = (folder) => {
      const tensors = readAllTensors(folder);
      const embedding = tensors.get("model.embed_tokens.weight") as RawTensor;
      tensors.set("lm_head.weight", { ...embedding, data: Buffer.from(embedding.data).reverse() });
      writeTensors(join(folder, "model.safetensors"), tensors);
    };
    expect(await saidOf(original, huggingFace, add, inject("a tied model called untied"))).to.deep.equal([
      "unexplained",
      ["F14"],
      ["lm_head.weight"],
    ]);
  });

  it("says which faults stand for each other when another came with them", async () => {
    const original = written({});
    const suspect = await convertTo(engine, original, huggingFace, scratch);
    for (const title of ["qkv cut as one block", "another activation"]) inject(title)(suspect);
    const { summary } = await engine.doctor(original, suspect, { checks: ["parameters"] });
    expect(summary).to.match(/; F05 \([^)]+\) or F10 \([^)]+\) and F18 \([^)]+\) together account for every difference$/);
  });
});

describe("the doctor on files of several topologies", () => {
  it("and a tensor that is missing at each", async () => {
    const [outcome, faults] = await saidOf(
      written({ kvHeads: 2 }),
      nanotron(2, 1, false),
      inject("a stale shard of another topology"),
      inject("down_proj not written"),
    );
    expect([outcome, faults]).to.deep.equal(["combined", ["F22", "F09"]]);
  });

  it("that are whole checkpoints both: it does not say which is the stale one", async () => {
    const original = written({ kvHeads: 2 });
    const [suspect, other] = [
      await convertTo(engine, original, nanotron(2, 1, false), scratch),
      await convertTo(engine, original, nanotron(1, 1, false), scratch),
    ];
    cpSync(join(other, "model"), join(suspect, "model"), { recursive: true });
    const { outcome, explanations } = await engine.doctor(original, suspect, { checks: ["parameters"] });
    expect([outcome, explanations.map(({ fault }) => fault)]).to.deep.equal(["explained", ["F22"]]);
    expect(explanations[0]?.statement).to.equal(
      "the folder holds whole checkpoints of TP 2, PP 1 and TP 1, PP 1, and Nanotron would merge them",
    );
    expect(explanations[0]?.fix).to.match(/^keep the files of the topology that is meant/);
  });
});

describe("the doctor on arguments in the wrong order", () => {
  for (const title of ["down_proj left at zero", "padded vocabulary rows left in", "final norm left at its initial ones"]) {
    it(`${title}: what the original has and the suspect has not is no fault of the suspect's`, async () => {
      const original = written({ kvHeads: 2 });
      const faulty = faultyCopy({ inject: inject(title) }, original, scratch);
      const [outcome, faults] = await said(faulty, original);
      expect([outcome, faults]).to.deep.equal(["unexplained", []]);
    });
  }
});

describe("the doctor on layers exchanged, one of them with a fault of its own", () => {
  it("accounts for the one and leaves the other", async () => {
    const original = written({ kvHeads: 2 });
    const zero: Damage = (folder) =>
      inside(openFiles(folder), 1, "down").forEach((part) => void part.write(Buffer.alloc(part.read().length)));
    const [outcome, faults, unexplained] = await saidOf(original, huggingFace, zero, inject("two layers swapped"));
    expect([outcome, faults]).to.deep.equal(["unexplained", ["F08", "F09"]]);
    expect(unexplained).to.include("model.layers.2.mlp.up_proj.weight");
    expect(unexplained).to.not.include("model.layers.1.mlp.up_proj.weight");
  });
});
