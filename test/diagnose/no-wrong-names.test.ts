// What no single fault of the catalogue has made gets no fault's name: several faults at once, and damage of other kinds.

import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine, type DoctorReport } from "../../core/index.js";
import { catalogue } from "../helpers/faults/catalogue.js";
import { openFiles } from "../helpers/faults/checkpoint-files.js";
import { damages } from "../helpers/faults/damages.js";
import { top } from "../helpers/faults/model-parts.js";
import { convertTo, nanotron } from "../helpers/faults/targets.js";
import { readWeightFile, writeWeightFile } from "../helpers/faults/weight-file.js";
import { editJson, fixture, scratchFolder } from "../helpers/folders.js";
import { type GaussianModel, writeGaussianLlama } from "../helpers/gaussian-llama.js";

const engine = createEngine();
const scratch = scratchFolder("no-wrong-names");
after(() => scratch.remove());

const model: GaussianModel = {
  ...{ hidden: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 88, vocab: 96, layers: 3, tied: false, dtype: "BF16" },
};
const source = scratch.fresh();
before(() => writeGaussianLlama(source, model, 3));

const toTp2 = () => convertTo(engine, source, nanotron(2, 1, false), scratch);
const injector = (title: string) => {
  const fault = catalogue.find((candidate) => candidate.title === title);
  if (fault === undefined) throw new Error(`no fault ${title}`);
  return fault.inject;
};

async function diagnosed(damage: (folder: string) => void): Promise<DoctorReport> {
  const folder = await toTp2();
  damage(folder);
  return engine.doctor(source, folder, { checks: ["parameters"] });
}

const faultsOf = ({ explanations }: DoctorReport): string[] => [...new Set(explanations.map(({ fault }) => fault))];

describe("the doctor on several faults at once", () => {
  for (const [titles, ids] of [
    [
      ["gate and up swapped", "rope_theta left at its default"],
      ["F02", "F06"],
    ],
    [
      ["weights written as F32, twice the size", "k, q, v fused"],
      ["F04", "F17"],
    ],
    [
      ["a stale shard of another topology", "ranks of lm_head in the wrong order"],
      ["F22", "F11"],
    ],
  ] as const) {
    it(`names ${ids.join(" and ")} together`, async () => {
      const report = await diagnosed((folder) => {
        for (const title of titles.toReversed()) injector(title)(folder);
      });
      expect([report.outcome, faultsOf(report)]).to.deep.equal(["combined", ids]);
    });
  }

  it("in one tensor, one upon the other: no name for it", async () => {
    const report = await diagnosed((folder) => {
      injector("o_proj transposed")(folder);
      injector("ranks of one o_proj in the wrong order")(folder);
    });
    expect([report.outcome, faultsOf(report), report.unexplained]).to.deep.equal([
      "unexplained",
      [],
      ["model.layers.1.self_attn.o_proj.weight"],
    ]);
  });

  it("of which one is unknown: what is known accounts for its part, and the rest is named", async () => {
    const report = await diagnosed((folder) => {
      injector("gate and up swapped")(folder);
      const [norm] = top(openFiles(folder), "finalNorm");
      const bytes = norm?.read() ?? Buffer.alloc(0);
      norm?.write(bytes.map((byte, at) => (at % 2 === 0 ? byte ^ 5 : byte)));
    });
    expect([report.outcome, faultsOf(report), report.unexplained]).to.deep.equal(["unexplained", ["F06"], ["model.norm.weight"]]);
  });
});

describe("the doctor on damage that is in no catalogue", () => {
  for (const [name, damage] of Object.entries(damages)) {
    it(`${name}: no known fault`, async () => {
      const report = await diagnosed(damage);
      expect([report.verdict, report.outcome, faultsOf(report)]).to.deep.equal(["different", "unexplained", []]);
      expect(report.unexplained).to.deep.equal(report.tensors.map((tensor) => tensor.name));
    });
  }

  it("another model of the same sizes: nothing is accounted for", async () => {
    const other = scratch.fresh();
    writeGaussianLlama(other, model, 4);
    const report = await engine.doctor(source, other, { checks: ["parameters"] });
    expect([report.outcome, faultsOf(report), report.unexplained.length]).to.deep.equal(["unexplained", [], 30]);
  });

  it("a tensor in another shape than the config says: it is there, and was not dropped", async () => {
    const folder = scratch.fresh();
    cpSync(source, folder, { recursive: true });
    const { metadata, tensors } = readWeightFile(join(folder, "model.safetensors"));
    const name = "model.layers.1.mlp.down_proj.weight";
    const turned = [...tensors].map(
      ([key, tensor]) => [key, key === name ? { ...tensor, shape: tensor.shape.toReversed() } : tensor] as const,
    );
    writeWeightFile(join(folder, "model.safetensors"), { metadata, tensors: new Map(turned) });
    const report = await engine.doctor(source, folder, { checks: ["parameters"] });
    expect([report.outcome, faultsOf(report), report.unexplained]).to.deep.equal(["unexplained", [], [name]]);
    expect(report.problems.join()).to.include(`${name} in ${folder}/model.safetensors: expected [64, 88], found [88, 64]`);
  });

  it("a setting that no fault is about", async () => {
    const folder = scratch.copy("tiny-llama3");
    editJson(folder, "config.json", { sliding_window: 32 });
    const report = await engine.doctor(fixture("tiny-llama3"), folder, { checks: ["parameters"] });
    expect([report.outcome, report.unexplained]).to.deep.equal(["unexplained", ["sliding_window"]]);
  });
});

describe("the doctor on right conversions", () => {
  it("finds nothing, and says nothing", async () => {
    const report = await diagnosed(() => undefined);
    expect(report).to.deep.include({ verdict: "equal", outcome: null, explanations: [], unexplained: [], tensors: [], settings: [] });
  });
});
