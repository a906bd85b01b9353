// What a program without types may ask for: it is refused before anything is opened, not written.

import { expect } from "chai";
import { describe, it } from "mocha";
import { type ConvertOptions, createEngine, UsageError } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { configOf, writeRandomLlama } from "../helpers/random-llama.js";

const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };

describe("the engine refuses", () => {
  const count = "expected a whole number from 1 on";
  const cases: [object, string][] = [
    [{ tp: 0 }, `tp 0: ${count}`],
    [{ tp: "2" }, `tp "2": ${count}`],
    [{ pp: 1.5 }, `pp 1.5: ${count}`],
    [{ pp: Number.POSITIVE_INFINITY }, `pp Infinity: ${count}`],
    [{ maxShardBytes: -1 }, `maxShardBytes -1: ${count}`],
    [{ dtype: "bf16" }, 'dtype "bf16": expected one of F32, BF16, F16'],
    [{ nanotronVersion: "1.3" }, 'nanotronVersion "1.3": expected one of 1.4, 1.5'],
  ];
  for (const [wrong, message] of cases)
    it(message, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", model, "BF16", 1);
      const options = { to: "nanotron", verify: "none", ...wrong } as ConvertOptions;
      const error = await createEngine({ store })
        .convert("/source", "/out", options)
        .catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(UsageError);
      expect((error as UsageError).message).to.equal(message);
      expect([...store.files.keys()].filter((path) => !path.startsWith("/source/"))).to.deep.equal([]);
    });

  it("a config with a billion layers, before it fills the memory", async () => {
    const store = new MemoryStore();
    await writeRandomLlama(store, "/source", model, "BF16", 1);
    store.files.set("/source/config.json", new TextEncoder().encode(JSON.stringify({ ...configOf(model), num_hidden_layers: 1e9 })));
    const { problems } = await createEngine({ store }).inspect("/source");
    expect(problems.map(({ message }) => message)).to.include("layers: expected at most 10000, found 1000000000; check the config");
  });
});
