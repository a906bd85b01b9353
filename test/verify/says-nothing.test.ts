// Predictions that prove nothing must not count as agreement: of forwards that give NaN, of weights that are all zero.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, UnsupportedError } from "../../core/index.js";
import { editJson, fixture, scratchFolder } from "../helpers/folders.js";
import { expectRefused } from "../helpers/refusal.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const scratch = scratchFolder("says-nothing");
after(scratch.remove);
const sound = fixture("golden/tied-huggingface");
const options = { executor: "cpu", predictions: 8, checks: ["predictions"] } as const;

/** A root of a negative number gives NaN in the first norm. */
function withNegativeEpsilon(): string {
  const folder = scratch.copy("golden/tied-huggingface");
  editJson(folder, "config.json", { rms_norm_eps: -1 });
  return folder;
}

describe("verify, predictions that say nothing", () => {
  it("one side's NaN is a difference, whichever side has it", async () => {
    const spoilt = withNegativeEpsilon();
    for (const [a, b] of [
      [spoilt, sound],
      [sound, spoilt],
    ] as const) {
      const { verdict, predictions } = await createEngine().verify(a, b, options);
      expect([verdict, predictions?.firstDivergence?.stage]).to.deep.equal(["different", "layer 0 attention"]);
    }
  });

  it("NaN on both sides is no agreement", async () => {
    const spoilt = withNegativeEpsilon();
    const error = await expectRefused(spoilt, () => createEngine().verify(spoilt, spoilt, options), {
      code: 1,
      says: ["layer 0 attention: both forwards give values that are not finite"],
    });
    expect(error).to.be.instanceOf(UnsupportedError);
  });

  it("zeros on both sides are no agreement", async () => {
    const zeros = scratch.fresh();
    writeSparseModel(zeros, { hidden: 16, ffn: 32, layers: 1, heads: 2, kvHeads: 1, vocab: 32 });
    await expectRefused(zeros, () => createEngine().verify(zeros, zeros, options), {
      code: 1,
      says: ["embedding: both forwards give nothing but zeros"],
    });
  });
});
