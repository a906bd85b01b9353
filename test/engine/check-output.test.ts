import { expect } from "chai";
import { describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { type TestDtype, writeRandomLlama } from "../helpers/random-llama.js";

const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };

describe("a conversion that was not told what to check", () => {
  for (const dtype of ["F64", "F8_E4M3"] satisfies TestDtype[])
    it(`of ${dtype}, which no executor reads: compares parameters`, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", model, dtype, 1);
      const { verified } = await createEngine({ store }).convert("/source", "/out", { to: "nanotron", tp: 2 });
      expect(verified).to.equal("parameters");
    });
});
