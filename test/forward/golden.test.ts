// The two forwards against what transformers and Nanotron computed themselves.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, type PredictOptions, type PredictReport } from "../../core/index.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { argmaxes, distance, expected, type Logits, readLogits, referenceLogits } from "../helpers/reference.js";

const engine = createEngine();
const scratch = scratchFolder("golden-forward");
after(scratch.remove);

async function predict(folder: string, options: PredictOptions): Promise<{ report: PredictReport; logits: Logits }> {
  const path = `${scratch.fresh()}.npy`;
  const report = await engine.predict(folder, { tokens: expected.prompt_ids, executor: "cpu", logits: path, ...options });
  return { report, logits: readLogits(path) };
}

/** A right forward is within 4e-5 of transformers' float32 logits. */
const EXACT_LIMIT = 2e-4;

async function expectExact(folder: string): Promise<void> {
  const reference = referenceLogits("tiny-llama3-logits-hf-fp32");
  const { report, logits } = await predict(folder, { numerics: "exact" });
  expect(distance(logits, reference).max).to.be.below(EXACT_LIMIT);
  expect(argmaxes(logits)).to.deep.equal(argmaxes(reference));
  expect([report.tokens, report.correct]).to.deep.equal([512, 372]);
  for (const [position, best] of Object.entries(expected.hf_cpu_fp32.top10)) {
    const found = report.positions[position] ?? [];
    expect(found.map(({ token }) => token)).to.deep.equal(best.map(([token]) => token));
    found.forEach(({ probability }, at) => {
      expect(probability).to.be.closeTo(best[at]?.[1] ?? Number.NaN, 1e-5);
    });
  }
}

describe("exact forward, against transformers' float32 logits", () => {
  it("huggingface", () => expectExact(fixture("tiny-llama3")));
  it("nanotron, as Nanotron itself wrote it at TP 1", () => expectExact(fixture("golden/nanotron-tp1")));
  it("nanotron, as Nanotron itself wrote it at TP 2", () => expectExact(fixture("golden/nanotron-tp2")));

  for (const tp of [1, 2, 4]) {
    for (const pp of [1, 2, 3, 4]) {
      for (const ropeInterleaved of [false, true]) {
        it(`nanotron, TP ${tp}, PP ${pp}${ropeInterleaved ? ", interleaved" : ""}`, async () => {
          const folder = scratch.fresh();
          await engine.convert(fixture("tiny-llama3"), folder, { to: "nanotron", tp, pp, ropeInterleaved, verify: "none" });
          await expectExact(folder);
        });
      }
    }
  }
});

/** forward-semantics.md, "How sharp a framework check can be": the right roundings are inside, the nearest wrong ones outside. */
const FRAMEWORK = [
  { folder: "golden/nanotron-tp1", reference: "golden/nanotron-tp1-logits", mean: 0.036, bitEqual: 0.255 },
  { folder: "golden/nanotron-tp2", reference: "golden/nanotron-tp2-logits", mean: 0.0385, bitEqual: 0.243 },
  { folder: "golden/tied-nanotron", reference: "golden/tied-nanotron-logits", mean: 0.015, bitEqual: 0.25 },
  { folder: "tiny-llama3", reference: "tiny-llama3-logits-hf-bf16", mean: 0.035, bitEqual: 0.27, attention: "eager" as const },
];

describe("framework forward, against the frameworks' own bf16 logits", () => {
  for (const { folder, reference, mean, bitEqual, attention } of FRAMEWORK) {
    it(`${folder}${attention === undefined ? "" : `, ${attention}`}`, async () => {
      const { logits } = await predict(fixture(folder), { numerics: "framework", attention });
      const found = distance(logits, referenceLogits(reference));
      expect(found.mean).to.be.at.most(mean);
      expect(found.bitEqual).to.be.at.least(bitEqual);
    });
  }
});
