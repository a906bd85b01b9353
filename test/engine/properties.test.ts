// Round trips and an outside check of every rank's file, over random shapes, dtypes and topologies.

import { expect } from "chai";
import fc from "fast-check";
import { describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { type NaiveModel, naiveNanotron } from "../helpers/naive-nanotron.js";
import { type TestDtype, writeRandomLlama } from "../helpers/random-llama.js";

const size = (max: number) => fc.integer({ min: 1, max });

/** Every size is a multiple of tp where Nanotron needs it to be. */
const cases = fc
  .record({
    tp: fc.constantFrom(1, 2, 3, 4),
    pp: size(3),
    groups: size(3),
    kv: size(2),
    half: size(4),
    ffn: size(5),
    vocab: size(5),
    layers: size(3),
  })
  .chain(({ tp, pp, groups, kv, half, ffn, vocab, layers }) => {
    const kvHeads = kv * tp;
    const [heads, headDim] = [kvHeads * groups, 2 * half];
    const shape = { hidden: heads * headDim, heads, kvHeads, headDim, ffn: ffn * tp, vocab: vocab * tp, layers };
    return fc.record({
      model: fc.record({ tied: fc.boolean() }).map(({ tied }): NaiveModel => ({ ...shape, tied })),
      tp: fc.constant(tp),
      pp: fc.constant(pp),
      ropeInterleaved: fc.boolean(),
      dtype: fc.constantFrom<TestDtype>("BF16", "F16", "F32"),
      maxShardBytes: fc.integer({ min: 100, max: 100_000 }),
      seed: fc.integer({ min: 0, max: 2 ** 31 }),
    });
  });

/** `model/a/b/c/model_weight_pp-rank-…_tp-rank-1-of-2.safetensors` as `b.c.weight@1`. */
function parameterOf(path: string): string {
  const folders = path.split("/").slice(2, -1).join(".");
  const rank = /tp-rank-(\d+)-of/.exec(path)?.[1];
  return `${folders}.weight${rank === undefined ? "" : `@${rank}`}`;
}

const dataOf = (file: Uint8Array): Buffer => {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
};

function tensorsOf(store: MemoryStore, folder: string): Map<string, Buffer> {
  const tensors = new Map<string, Buffer>();
  for (const [path, file] of store.files) {
    if (!path.startsWith(`${folder}/`) || !path.endsWith(".safetensors")) continue;
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
    const entries = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0)))) as Record<
      string,
      { data_offsets?: [number, number] }
    >;
    for (const [name, { data_offsets: offsets }] of Object.entries(entries))
      if (offsets !== undefined) tensors.set(name, dataOf(file).subarray(...offsets));
  }
  return tensors;
}

describe("any Llama shape, dtype and topology", () => {
  it("each rank's file holds what the format says, and the way back gives the source's bytes", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ model, tp, pp, ropeInterleaved, dtype, maxShardBytes, seed }) => {
        const store = new MemoryStore();
        const engine = createEngine({ store });
        const source = await writeRandomLlama(store, "/source", model, dtype, seed);
        await engine.convert("/source", "/nanotron", { to: "nanotron", tp, pp, ropeInterleaved, verify: "parameters" });
        const expected = naiveNanotron(model, (name) => source.get(name) ?? new Uint8Array(), tp, ropeInterleaved);
        const found = new Map<string, Buffer>();
        for (const [path, file] of store.files) {
          if (path.startsWith("/nanotron/model/")) found.set(parameterOf(path.slice("/nanotron/".length)), dataOf(file));
        }
        expect([...found.keys()].sort()).to.deep.equal([...expected.keys()].sort());
        for (const [name, bytes] of expected) expect(found.get(name)?.equals(bytes), name).to.equal(true);
        await engine.convert("/nanotron", "/back", { to: "huggingface", maxShardBytes, verify: "parameters" });
        const back = tensorsOf(store, "/back");
        expect([...back.keys()].sort()).to.deep.equal([...source.keys()].sort());
        for (const [name, bytes] of source) expect(back.get(name)?.equals(bytes), name).to.equal(true);
      }),
      { numRuns: 150 },
    );
  });
});
