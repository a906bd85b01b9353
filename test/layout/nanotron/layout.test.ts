import { expect } from "chai";
import { describe, it } from "mocha";
import { createEngine, UnsupportedError } from "../../../core/index.js";
import { MemoryStore } from "../../../core/testing/memory-store.js";
import { writeRandomLlama } from "../../helpers/random-llama.js";

const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };

describe("the Nanotron layout", () => {
  it("takes no dtype that Nanotron's own configs cannot name", async () => {
    const store = new MemoryStore();
    await writeRandomLlama(store, "/source", model, "F8_E4M3", 1);
    const error = await createEngine({ store })
      .plan("/source", { to: "nanotron" })
      .catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(UnsupportedError);
    expect((error as Error).message).to.include("Nanotron's configs know no dtype like F8_E4M3");
  });
});
