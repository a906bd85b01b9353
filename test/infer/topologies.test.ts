// Pairs that the engine converted itself: many ranks, stages and sizes, of which some coincide.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import type { Values } from "../../core/architecture/declaration.js";
import { createContext } from "../../core/compose.js";
import { createEngine } from "../../core/index.js";
import { makeCheckpoint } from "../../core/testing/made-checkpoint.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { scratchFolder } from "../helpers/folders.js";
import { mappingNamed } from "../helpers/inferred.js";
import { mappingOf } from "../helpers/mapping.js";

const scratch = scratchFolder("infer-topologies");
after(scratch.remove);
const engine = createEngine();
const { plugins } = createContext();

const sizes = {
  hidden_size: 128,
  intermediate_size: 192,
  num_attention_heads: 8,
  num_key_value_heads: 8,
  num_hidden_layers: 4,
  vocab_size: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: "bfloat16",
};

/** A model of drawn weights on the disk. */
function writeModel(family: string, config: Values): string {
  const store = new MemoryStore();
  const folder = scratch.folder();
  makeCheckpoint(store, "/model", plugins.get(family), { config: { ...sizes, ...config, model_type: family }, seed: 1 });
  for (const [path, bytes] of store.files) writeFileSync(join(folder, path.slice("/model/".length)), bytes);
  return folder;
}

const cases: [what: string, config: Values, topology: { tp: number; pp: number; ropeInterleaved: boolean }][] = [
  ["TP 8, PP 4, as many key/value heads as heads", {}, { tp: 8, pp: 4, ropeInterleaved: true }],
  ["the same, half-split", {}, { tp: 8, pp: 4, ropeInterleaved: false }],
  ["one layer", { num_hidden_layers: 1, num_key_value_heads: 2 }, { tp: 2, pp: 1, ropeInterleaved: true }],
  ["twelve layers, one key/value head", { num_hidden_layers: 12, num_key_value_heads: 1 }, { tp: 1, pp: 3, ropeInterleaved: true }],
  ["float32", { torch_dtype: "float32" }, { tp: 2, pp: 1, ropeInterleaved: true }],
  ["hidden, feed-forward and vocabulary of one size", { intermediate_size: 128, vocab_size: 128 }, { tp: 2, pp: 1, ropeInterleaved: true }],
  ["heads of one pair", { hidden_size: 16, num_key_value_heads: 4 }, { tp: 2, pp: 1, ropeInterleaved: true }],
];

describe("plugins infer rebuilds a family's rules from what the engine converted", () => {
  for (const family of ["llama", "qwen2"])
    for (const [what, config, topology] of cases)
      it(`${family}: ${what}`, async () => {
        const [model, target, out] = [writeModel(family, config), scratch.fresh(), scratch.fresh()];
        await engine.convert(model, target, { to: "nanotron", ...topology, verify: "none", fsync: false });
        const { unexplained, carries } = await engine.inferPlugin(model, target, { out });
        expect({ unexplained, carries }).to.deep.equal({ unexplained: [], carries: true });
        expect(mappingOf(engine.checkPlugin(out))).to.deep.equal(mappingNamed(family));
      });

  it("tied: the output matrix is in neither, and all else is found", async () => {
    const [model, target, out] = [writeModel("llama", { tie_word_embeddings: true }), scratch.fresh(), scratch.fresh()];
    await engine.convert(model, target, { to: "nanotron", tp: 8, pp: 4, ropeInterleaved: true, verify: "none", fsync: false });
    const { unexplained, carries } = await engine.inferPlugin(model, target, { out });
    expect({ unexplained, carries }).to.deep.equal({ unexplained: [], carries: true });
    expect(mappingOf(engine.checkPlugin(out))).to.deep.equal(mappingNamed("llama").slice(0, -1));
  });
});
