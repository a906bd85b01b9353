// The central promise: a wrong mapping does not agree with itself. What goes there and back byte for byte, and passes the parameters
// check by the same mapping, is still called different, because each framework's own forward reads it.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { type ConvertOptions, createEngine, type Engine } from "../../core/index.js";
import { fixture, readAllTensors, readTensors, scratchFolder } from "../helpers/folders.js";
import { expectRefused } from "../helpers/refusal.js";
import { exchanged, reordered, withoutRotary, writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("wrong-plugins");
after(() => scratch.remove());

const source = fixture("tiny-llama3");
const FEW = { predictions: 24 } as const;
const [Q, K, V, GATE, UP] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"] as const;
const NORMS = ["input_layernorm", "post_attention_layernorm"] as const;

interface Wrong {
  readonly name: string;
  readonly edit: (yaml: string) => string;
  /** The only arrangement in which it shows, if there is one. */
  readonly ropeInterleaved?: true;
  readonly stage: string;
  /** A source that Nanotron wrote says itself where each rank's rows lie, and contradicts. */
  readonly metadataTells?: true;
}

const wrongs: readonly Wrong[] = [
  { name: "gate-and-up-swapped", edit: reordered([GATE, UP], [UP, GATE]), stage: "layer 0 feed-forward" },
  { name: "rotary-dropped", edit: withoutRotary, ropeInterleaved: true, stage: "layer 0 attention" },
  { name: "k-before-q", edit: reordered([Q, K, V], [K, Q, V]), stage: "layer 0 attention", metadataTells: true },
  { name: "v-before-k", edit: reordered([Q, K, V], [Q, V, K]), stage: "layer 0 attention" },
  { name: "v-k-q", edit: reordered([Q, K, V], [V, K, Q]), stage: "layer 0 attention", metadataTells: true },
  { name: "norms-exchanged", edit: exchanged(...NORMS), stage: "layer 0 attention" },
];
const folderOf = new Map(wrongs.map(({ name, edit }) => [name, writePlugin(scratch.fresh(), name, edit)]));
const engineWith = (name: string) => createEngine({ plugins: [folderOf.get(name) ?? ""] });

const partsAt = (stage: string) => `the two frameworks' forwards part at ${stage}: expected a difference under `;
const METADATA = "its metadata places it elsewhere in model.decoder.0.pp_block.attn.qkv_proj.weight";

/** With the default verification, and with nothing left where the output would have been. */
async function expectUnpublished(from: string, engine: Engine, options: ConvertOptions, says: string): Promise<void> {
  const parent = scratch.fresh();
  mkdirSync(parent);
  await expectRefused(parent, () => engine.convert(from, join(parent, "out"), options), { code: 1, says: [says] });
  expect(readdirSync(parent)).to.deep.equal([]);
}

function expectSameBytes(found: string, expected: string): void {
  const [a, b] = [readAllTensors(found), readAllTensors(expected)];
  expect([...a.keys()].sort()).to.deep.equal([...b.keys()].sort());
  for (const [name, { data }] of b) expect(a.get(name)?.data.equals(data), name).to.equal(true);
}

/** Nanotron's files, without their headers: those say numbers in another way. */
function expectSameData(found: string, expected: string): void {
  const data = (folder: string, file: string) => readTensors(join(folder, file)).get("data")?.data ?? Buffer.alloc(0);
  const files = readdirSync(expected, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".safetensors"));
  for (const file of files) expect(data(found, file).equals(data(expected, file)), file).to.equal(true);
}

for (const { name, ropeInterleaved = false, stage, metadataTells } of wrongs) {
  describe(`a plugin with ${name.replaceAll("-", " ")}`, () => {
    const engine = engineWith(name);
    const plugin = { plugin: name } as const;

    for (const tp of [1, 2]) {
      const to = { to: "nanotron", tp, ropeInterleaved, ...plugin } as const;

      it(`TP ${tp}: there and back byte for byte, parameters equal, predictions different`, async () => {
        const [there, back] = [scratch.fresh(), scratch.fresh()];
        expect((await engine.convert(source, there, { ...to, verify: "parameters" })).verified).to.equal("parameters");
        await engine.convert(there, back, { to: "huggingface", ...plugin, verify: "none" });
        expectSameBytes(back, source);

        const byParameters = await engine.verify(source, there, { ...plugin, checks: ["parameters"] });
        expect([byParameters.verdict, byParameters.parameters?.different]).to.deep.equal(["equal", []]);
        const byPredictions = await engine.verify(source, there, { ...plugin, ...FEW, checks: ["predictions"] });
        expect([byPredictions.verdict, byPredictions.predictions?.firstDivergence?.stage]).to.deep.equal(["different", stage]);
        // Both together, as a user asks without naming checks.
        expect((await engine.verify(source, there, { ...plugin, ...FEW })).verdict).to.equal("different");
      });
    }

    it("convert does not publish what it would give", async () => {
      await expectUnpublished(source, engine, { to: "nanotron", tp: 2, ropeInterleaved, plugin: name }, partsAt(stage));
    });

    it("nor from what Nanotron itself wrote", async () => {
      const from = scratch.fresh();
      // No golden checkpoint is interleaved, so for that the right plugin has to make one.
      if (ropeInterleaved) await createEngine().convert(source, from, { to: "nanotron", ropeInterleaved, verify: "none" });
      const says = metadataTells === true ? METADATA : partsAt(stage);
      await expectUnpublished(ropeInterleaved ? from : fixture("golden/tied-nanotron"), engine, { to: "huggingface", plugin: name }, says);
    });
  });
}

describe("a plugin whose mistake a conversion does not touch", () => {
  const unharmed: readonly (readonly [string, string, ConvertOptions])[] = [
    ["rotary-dropped", "tiny-llama3", { to: "nanotron", tp: 2 }],
    ["gate-and-up-swapped", "golden/nanotron-tp1", { to: "nanotron", tp: 2 }],
    ["norms-exchanged", "golden/nanotron-tp1", { to: "nanotron", tp: 2 }],
  ];
  for (const [name, from, options] of unharmed) {
    it(`${name.replaceAll("-", " ")}, ${from} to Nanotron TP 2: right bytes, and published`, async () => {
      const destination = scratch.fresh();
      const { verified } = await engineWith(name).convert(fixture(from), destination, { ...options, plugin: name });
      expect(verified).to.equal("predictions");
      expectSameData(destination, fixture("golden/nanotron-tp2"));
      expect((await createEngine().verify(source, destination, FEW)).verdict).to.equal("equal");
    });
  }

  it("k before q, from TP 1 to TP 2: Nanotron's own word on where the rows lie is another", async () => {
    const options = { to: "nanotron", tp: 2, plugin: "k-before-q" } as const;
    await expectUnpublished(fixture("golden/nanotron-tp1"), engineWith("k-before-q"), options, METADATA);
  });
});
