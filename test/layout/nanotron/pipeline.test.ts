// Nanotron's placement of blocks on pipeline ranks, against what its own loop gives (models/base.py, build_model).

import { expect } from "chai";
import { describe, it } from "mocha";
import { UnsupportedError } from "../../../core/index.js";
import { checkPipeline, fillsPipeline, pipelineRanks } from "../../../core/layout/nanotron/pipeline.js";

/** Qwen2-0.5B: 24 layers, hidden 896, ffn 4864, 14 heads of 64, vocabulary 151936. */
const LAYER = 4 * 14 * 64 * 896 + 3 * 4864 * 896;
const qwen = { costs: [0, ...new Array<number>(24).fill(LAYER), 0, 151936 * 896], parameterless: 1 };

describe("the pipeline placement", () => {
  it("is Nanotron's for Qwen2-0.5B", () => {
    const six = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4];
    expect(pipelineRanks(qwen, 6)).to.deep.equal(six);
  });
  it("is Nanotron's where it leaves ranks empty, as a checkpoint that is read may have them", () => {
    const eight = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5];
    expect(pipelineRanks(qwen, 8)).to.deep.equal(eight);
  });
  it("fills with the blocks there are, the loss and a cast among them", () => {
    const filled = (parameterless: number) =>
      Array.from({ length: 16 }, (_, at) => at + 1).filter((pp) => fillsPipeline({ ...qwen, parameterless }, pp));
    expect(filled(1)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
    expect(filled(2)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
  it("is refused for Qwen2-0.5B at PP 15, with the largest PP there is", () => {
    expect(() => checkPipeline(qwen, 15)).to.throw(
      UnsupportedError,
      /^pp 15: Nanotron's placement leaves pipeline rank 14 without a block; this model's blocks fill 13 of 15 ranks; use --pp 7 or less$/,
    );
  });
});
