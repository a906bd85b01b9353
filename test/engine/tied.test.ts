// A tied tensor that is stored anyway, as some tools do: left behind when it is equal, refused or called different when not.

import { expect } from "chai";
import { describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { configOf, writeRandomLlama } from "../helpers/random-llama.js";

const MODEL = { hidden: 8, heads: 2, kvHeads: 1, headDim: 4, ffn: 6, vocab: 5, layers: 1, tied: false };

/** A checkpoint with both embedding and lm_head stored, whose config ties them. */
async function tiedWithBoth(areEqual: boolean) {
  const store = new MemoryStore();
  await writeRandomLlama(store, "/source", MODEL, "BF16", 3);
  store.files.set("/source/config.json", new TextEncoder().encode(JSON.stringify({ ...configOf(MODEL), tie_word_embeddings: true })));
  if (areEqual) {
    const bytes = store.files.get("/source/model.safetensors") ?? new Uint8Array();
    const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
    const [from, to] = header["model.embed_tokens.weight"].data_offsets;
    bytes.set(bytes.slice(start + from, start + to), start + header["lm_head.weight"].data_offsets[0]);
  }
  return { store, engine: createEngine({ store }) };
}

describe("a tied lm_head that is stored", () => {
  it("equal to the embedding: left behind, and said so in the plan", async () => {
    const { store, engine } = await tiedWithBoth(true);
    await engine.convert("/source", "/out", { to: "nanotron" });
    expect([...store.files.keys()].filter((path) => path.includes("lm_head"))).to.deep.equal([]);
    const { plan } = await engine.plan("/source", { to: "nanotron" });
    expect(plan.unused).to.deep.equal([{ key: "lm_head.weight", reason: "tied to model.embed_tokens.weight" }]);
    expect((await engine.verify("/source", "/out")).verdict).to.equal("equal");
  });

  it("different from it: refused, and nothing written", async () => {
    const { store, engine } = await tiedWithBoth(false);
    const before = [...store.files.keys()];
    const error = await engine.convert("/source", "/out", { to: "nanotron" }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.include("lm_head.weight is stored and differs from what the config ties it to");
    expect([...store.files.keys()]).to.deep.equal(before);
  });

  it("different from it: verify says so", async () => {
    const { engine, store } = await tiedWithBoth(false);
    const tied = await tiedWithBoth(true);
    for (const [path, bytes] of tied.store.files) store.files.set(path.replace("/source", "/other"), bytes);
    const { verdict, parameters } = await engine.verify("/other", "/source");
    expect({ verdict, different: parameters?.different }).to.deep.equal({ verdict: "different", different: ["lm_head.weight"] });
  });
});
