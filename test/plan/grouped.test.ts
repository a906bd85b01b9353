// `within`: tensors joined anew in each key/value group, against rows counted one by one, and what the proof says of another order.

import { expect } from "chai";
import fc from "fast-check";
import { after, describe, it } from "mocha";
import { createContext } from "../../core/compose.js";
import { prepare } from "../../core/engine/prepare.js";
import { createEngine, DeclarationError, PlanError } from "../../core/index.js";
import { prove } from "../../core/plan/check.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { scratchFolder } from "../helpers/folders.js";
import { groupedRows } from "../helpers/naive-grouped.js";
import { rowsOf } from "../helpers/naive-nanotron.js";
import { writeRandomLlama } from "../helpers/random-llama.js";
import { writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("grouped");
after(scratch.remove);

/** Llama with its qkv laid out group by group. */
const grouped = (yaml: string): string =>
  yaml
    .replace('attn.qkv_proj.weight", axis: 0 }', 'attn.qkv_proj.weight", axis: 0, within: kv_heads }')
    .replace('q_proj.weight", shape: (heads head_dim) hidden', 'q_proj.weight", shape: (kv_heads queries head_dim) hidden')
    .replace("  ffn: intermediate_size\n", "  ffn: intermediate_size\n  queries: heads / kv_heads\n");

const folder = writePlugin(scratch.fresh(), "grouped", grouped);

const size = (max: number) => fc.integer({ min: 1, max });
const cases = fc.record({ tp: size(4), perRank: size(3), queries: size(3), half: size(4), layers: size(2), isInterleaved: fc.boolean() });

function modelOf({ tp, perRank, queries, half, layers }: { tp: number; perRank: number; queries: number; half: number; layers: number }) {
  const kvHeads = tp * perRank;
  const [heads, headDim] = [kvHeads * queries, 2 * half];
  return { hidden: heads * headDim, heads, kvHeads, headDim, ffn: 3 * tp, vocab: 2 * tp, layers, tied: true };
}

interface Written {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: Buffer;
}

function read(store: MemoryStore, path: string): Written {
  const bytes = Buffer.from(store.files.get(path) ?? []);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  return { metadata: JSON.parse(bytes.toString("utf8", 8, start)).__metadata__, data: bytes.subarray(start) };
}

describe("tensors joined within each key/value head", () => {
  it("each rank's rows are those of its groups, and the way back gives the source's bytes", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ isInterleaved, ...sizes }) => {
        const { tp } = sizes;
        const model = modelOf(sizes);
        const store = new MemoryStore();
        const engine = createEngine({ store, plugins: [folder] });
        const source = await writeRandomLlama(store, "/source", model, "BF16", 3);
        await engine.convert("/source", "/there", {
          to: "nanotron",
          tp,
          ropeInterleaved: isInterleaved,
          plugin: "grouped",
          verify: "none",
        });
        for (let layer = 0; layer < model.layers; layer++) {
          const tensor = (name: string) => source.get(`model.layers.${layer}.self_attn.${name}_proj.weight`) ?? new Uint8Array();
          const rows = {
            q: rowsOf(tensor("q"), model.heads * model.headDim),
            k: rowsOf(tensor("k"), model.kvHeads * model.headDim),
            v: rowsOf(tensor("v"), model.kvHeads * model.headDim),
          };
          for (let rank = 0; rank < tp; rank++) {
            const name = `model_weight_pp-rank-0-of-1_tp-rank-${rank}-of-${tp}.safetensors`;
            const found = read(store, `/there/model/model/decoder/${layer}/pp_block/attn/qkv_proj/${name}`);
            const expected = groupedRows(model, rank, tp, isInterleaved).map(({ tensor: of, row }) => rows[of][row] as Uint8Array);
            expect(found.data.equals(Buffer.concat(expected)), `rank ${rank}`).to.equal(true);
            const [height, all] = [expected.length, expected.length * tp];
            expect(found.metadata).to.deep.include({
              unsharded_shape: `(${all}, ${model.hidden})`,
              local_global_slices_pairs: `None,None,None|None,None,None#${rank * height},${(rank + 1) * height},None|None,None,None`,
            });
          }
        }
        await engine.convert("/there", "/back", { to: "huggingface", plugin: "grouped", verify: "none" });
        const [back, original] = ["/back", "/source"].map((at) => read(store, `${at}/model.safetensors`).data);
        expect(back?.equals(original ?? Buffer.alloc(0))).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

  for (const ropeInterleaved of [false, true])
    it(`the proof refuses a plan that joins them whole${ropeInterleaved ? ", interleaved" : ""}`, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", modelOf({ tp: 2, perRank: 2, queries: 3, half: 2, layers: 1 }), "BF16", 3);
      const context = { ...createContext({ plugins: [folder] }), store };
      const planned = (plugin: string) => prepare(context, "/source", { to: "nanotron", tp: 2, ropeInterleaved, plugin });
      const [whole, right] = [await planned("llama"), await planned("grouped")];
      const { architecture, layout, arrangement } = right.source;
      const references = [layout.reference(architecture, arrangement), right.target.reference(architecture, right.arrangement)] as const;
      expect(() => prove(right.plan, architecture, ...references)).not.to.throw();
      expect(() => prove(whole.plan, architecture, ...references)).to.throw(PlanError);
    });

  it("a model whose queries do not divide among its keys is refused", async () => {
    const store = new MemoryStore();
    await writeRandomLlama(
      store,
      "/source",
      { ...modelOf({ tp: 1, perRank: 2, queries: 2, half: 2, layers: 1 }), heads: 3, hidden: 12 },
      "BF16",
      3,
    );
    const refusal = createEngine({ store, plugins: [folder] }).plan("/source", { to: "nanotron", plugin: "grouped" });
    expect(await refusal.catch((error: Error) => error.message)).to.match(/heads \/ kv_heads: expected a positive integer, found 1\.5$/);
  });
});

describe("a declaration that joins within", () => {
  const problems = (edit: (yaml: string) => string): string[] => {
    try {
      createEngine({ plugins: [writePlugin(scratch.fresh(), "wrong", (yaml) => edit(grouped(yaml)))] });
      return [];
    } catch (error) {
      if (error instanceof DeclarationError) return error.problems.map(({ pointer, message }) => `${pointer}: ${message}`);
      throw error;
    }
  };

  it("what is not outermost everywhere", () =>
    expect(problems((yaml) => yaml.replace("(kv_heads queries head_dim)", "(queries kv_heads head_dim)"))).to.deep.equal([
      "/blocks/1/parameters/0/nanotron/within: expected kv_heads to be the outermost symbol of axis 0 in every shape",
    ]));
  it("a quotient of itself", () =>
    expect(problems((yaml) => yaml.replace("  queries: heads / kv_heads\n", "  queries: heads / queries\n"))).to.deep.equal([
      '/dimensions/queries: "queries" is not known yet: a quotient may use only dimensions declared before it',
    ]));
  it("a quotient of what is no dimension", () =>
    expect(problems((yaml) => yaml.replace("  queries: heads / kv_heads\n", "  queries: heads / kv_head\n"))[0]).to.equal(
      '/dimensions/queries: unknown dimension "kv_head"; did you mean "kv_heads"?',
    ));
});
