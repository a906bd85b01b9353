// Right conversions are called equal, by parameters and by predictions: an alarm that cries without a fault is soon switched off.

import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine, type VerifyOptions } from "../../core/index.js";
import { faults } from "../helpers/faults/all.js";
import { openFiles } from "../helpers/faults/checkpoint-files.js";
import { inside } from "../helpers/faults/model-parts.js";
import { convertTo, huggingFace, nanotron, type Target } from "../helpers/faults/targets.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { type GaussianModel, writeGaussianLlama } from "../helpers/gaussian-llama.js";

const engine = createEngine();
const scratch = scratchFolder("no-false-alarms");
after(() => scratch.remove());

const tiny = fixture("tiny-llama3");
const FEW = { predictions: 16 } as const;

async function expectEqual(a: string, b: string, options: VerifyOptions): Promise<void> {
  const { verdict, evidence, parameters, predictions } = await engine.verify(a, b, options);
  expect({ verdict, different: parameters?.different, first: predictions?.firstDivergence }, evidence).to.deep.equal({
    verdict: "equal",
    different: [],
    first: null,
  });
}

describe("no false alarms: the bundled model, exact numerics", () => {
  const targets = [1, 2, 4].flatMap((tp) =>
    [1, 2, 3, 4].flatMap((pp) => [false, true].map((interleaved) => nanotron(tp, pp, interleaved))),
  );
  const folders = new Map<Target, string>([[huggingFace, tiny]]);
  before(async () => {
    for (const target of targets) folders.set(target, await convertTo(engine, tiny, target, scratch));
  });
  const folderOf = (target: Target) => folders.get(target) ?? "";

  targets.forEach((target, at) => {
    // Eleven further on TP, PP and the order of rows have all changed, and all are in one ring.
    const other = targets[(at + 11) % targets.length] ?? huggingFace;
    it(`${target.name}: equals Hugging Face, and ${other.name}`, async () => {
      await expectEqual(tiny, folderOf(target), FEW);
      await expectEqual(folderOf(target), folderOf(other), FEW);
    });
  });

  it("all 512 predictions at TP 4, PP 3, interleaved", async () => {
    const folder = folderOf(targets.find(({ tp, pp, ropeInterleaved }) => tp === 4 && pp === 3 && ropeInterleaved === true) ?? huggingFace);
    await expectEqual(tiny, folder, {});
  });
});

describe("no false alarms: what Nanotron itself wrote", () => {
  for (const [a, b] of [
    ["tiny-llama3", "golden/nanotron-tp1"],
    ["golden/nanotron-tp1", "golden/nanotron-tp2"],
    ["golden/tied-huggingface", "golden/tied-nanotron"],
  ] as const) {
    for (const numerics of ["exact", "framework"] as const) {
      it(`${a} and ${b}, ${numerics} numerics`, () => expectEqual(fixture(a), fixture(b), { numerics, predictions: 128 }));
    }
  }
});

describe("no false alarms: framework numerics", () => {
  for (const target of [huggingFace, nanotron(1, 1, true), nanotron(2, 2, false), nanotron(4, 1, true)]) {
    it(`the bundled model and ${target.name}`, async () => {
      await expectEqual(tiny, await convertTo(engine, tiny, target, scratch), { ...FEW, numerics: "framework" });
    });
  }
});

describe("no false alarms: framework numerics, from Nanotron", () => {
  it("a side whose own variants stay nearer than the two sides", async () => {
    const [original, there] = [scratch.fresh(), scratch.fresh()];
    const sizes = { heads: 1, kvHeads: 1, headDim: 16, layers: 2, hidden: 16, ffn: 20, vocab: 23 } as const;
    writeGaussianLlama(original, { ...sizes, tied: false, dtype: "BF16" }, 1017);
    await engine.convert(original, there, { to: "nanotron", verify: "none" });
    await expectEqual(there, original, { ...FEW, numerics: "framework" });
  });
});

describe("no false alarms: models of other shapes", () => {
  const base = { headDim: 16, vocab: 96, layers: 3, tied: false, dtype: "BF16" } as const;
  const models: readonly (readonly [string, GaussianModel, readonly number[]])[] = [
    ["one key/value head, odd feed-forward", { ...base, hidden: 64, heads: 4, kvHeads: 1, ffn: 77 }, [1]],
    ["two key/value heads of six", { ...base, hidden: 96, heads: 6, kvHeads: 2, ffn: 110 }, [1, 2]],
    ["a key/value head for each", { ...base, hidden: 64, heads: 4, kvHeads: 4, ffn: 88, dtype: "F32" }, [1, 2, 4]],
    ["tied", { ...base, hidden: 128, heads: 8, kvHeads: 2, ffn: 200, tied: true }, [1, 2]],
    ["F16", { ...base, hidden: 96, heads: 6, kvHeads: 6, ffn: 100, dtype: "F16" }, [1, 2]],
    [
      "one column of the hidden states a thousand times the others",
      { ...base, hidden: 64, heads: 4, kvHeads: 2, ffn: 88, outlier: 1000 },
      [1, 2],
    ],
    // An untrained model this narrow makes some hundred times as much of a rounding error as one that is trained.
    [
      "narrow, with large weights",
      { ...base, hidden: 16, heads: 4, kvHeads: 4, headDim: 4, ffn: 20, layers: 8, dtype: "F32", deviation: 1 },
      [4],
    ],
    ["twelve layers", { ...base, hidden: 64, heads: 4, kvHeads: 4, ffn: 88, layers: 12 }, [2, 4]],
  ];
  models.forEach(([name, model, sizes], at) => {
    const source = scratch.fresh();
    before(() => writeGaussianLlama(source, model, at + 2));
    for (const target of sizes.flatMap((tp) => [nanotron(tp, 1, false), nanotron(tp, 2, true)])) {
      it(`${name}: ${target.name}`, async () => {
        const folder = await convertTo(engine, source, target, scratch);
        await expectEqual(source, folder, { predictions: 64 });
        if (model.dtype !== "F16") await expectEqual(source, folder, { ...FEW, numerics: "framework" });
      });
    }
  });
});

describe("no false alarms: other bytes, the same function", () => {
  it("F01 twice, in the rows and in the config: the other order, rightly said", async () => {
    const folder = await convertTo(engine, tiny, nanotron(2, 1, false), scratch);
    for (const { id, title, inject } of faults) if (id === "F01" && !title.includes("one layer")) inject(folder);
    await expectEqual(tiny, folder, FEW);
  });

  it("heads that change ranks together with their columns of o_proj: other parameters, the same predictions", async () => {
    const folder = await convertTo(engine, tiny, nanotron(2, 1, false), scratch);
    for (const role of ["qkv", "o"] as const) {
      const [first, second] = inside(openFiles(folder), 2, role);
      const bytes = [first?.read(), second?.read()];
      first?.write(bytes[1] ?? Buffer.alloc(0));
      second?.write(bytes[0] ?? Buffer.alloc(0));
    }
    const { verdict, parameters, predictions } = await engine.verify(tiny, folder, FEW);
    expect({ verdict, agree: predictions?.agree }).to.deep.equal({ verdict: "different", agree: true });
    expect(parameters?.different).to.have.members(["q", "k", "v", "o"].map((name) => `model.layers.2.self_attn.${name}_proj.weight`));
  });
});
