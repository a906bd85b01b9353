// Inference from what Nanotron itself wrote must find what plugins/llama declares, which it does not read.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { fixture, readAllTensors, readTensors, scratchFolder } from "../helpers/folders.js";
import { mappingOf, placesOf } from "../helpers/mapping.js";

/** Llama 3 70B, and a small one; of a setting that both configs of the pair have, a draft has no default. */
const common = {
  model_type: "llama",
  num_key_value_heads: 8,
  max_position_embeddings: 8192,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  rope_scaling: null,
  attention_bias: false,
  initializer_range: 0.02,
  tie_word_embeddings: false,
  use_cache: true,
  bos_token_id: 0,
  eos_token_id: 1,
};
const published70b = {
  config: {
    ...common,
    ...{ hidden_size: 8192, intermediate_size: 28672, num_attention_heads: 64, num_hidden_layers: 80, vocab_size: 128256 },
  },
};
const smallGrouped = {
  config: {
    ...common,
    ...{ hidden_size: 64, intermediate_size: 96, num_attention_heads: 8, num_key_value_heads: 4, num_hidden_layers: 2, vocab_size: 200 },
  },
};

const scratch = scratchFolder("infer-golden");
after(scratch.remove);

const source = fixture("tiny-llama3");
const engine = createEngine();
const pluginNamed = (name: string, ...folders: string[]) => {
  const plugin = createEngine({ plugins: folders })
    .plugins()
    .find((candidate) => candidate.name === name);
  if (plugin === undefined) throw new Error(`no plugin ${name}`);
  return plugin;
};
const llama = pluginNamed("llama");

/** Nanotron's files without their headers, which say numbers in another way. */
function expectSameData(found: string, expected: string): void {
  const paths = (folder: string) => readdirSync(join(folder, "model"), { recursive: true }).map(String).sort();
  expect(paths(found)).to.deep.equal(paths(expected));
  for (const path of paths(expected).filter((name) => name.endsWith(".safetensors"))) {
    const [a, b] = [found, expected].map((folder) => readTensors(join(folder, "model", path)).get("data")?.data);
    expect(a !== undefined && b !== undefined && a.equals(b), path).to.equal(true);
  }
}

for (const golden of ["nanotron-tp1", "nanotron-tp2"]) {
  describe(`plugins infer, tiny-llama3 and golden/${golden}`, () => {
    const out = scratch.fresh();

    it("explains every tensor, and carries every byte", async () => {
      const report = await engine.inferPlugin(source, fixture(`golden/${golden}`), { out });
      expect(report).to.deep.include({ plugin: "llama-draft", folder: out, unexplained: [], carries: true });
      expect(readdirSync(out)).to.deep.equal(["plugin.yaml"]);
      expect(engine.checkPlugin(out).name).to.equal("llama-draft");
    });

    it("no tensor's place was left to its name", async () => {
      const { remarks } = await engine.inferPlugin(source, fixture(`golden/${golden}`), { out: scratch.fresh() });
      expect(remarks.filter((remark) => remark.includes("ambiguous"))).to.deep.equal([]);
      expect(remarks[0]).to.match(/^rotary by name only, .*q_proj\.weight, .*k_proj\.weight$/);
    });

    it("its rules mean what the llama plugin's mean", () => {
      const draft = pluginNamed("llama-draft", out);
      expect(mappingOf(draft)).to.deep.equal(mappingOf(llama));
      expect(draft.dimensions).to.deep.equal(llama.dimensions);
    });

    for (const [what, { config }, tp] of [
      ["a small model at TP 2", smallGrouped, 2],
      ["Llama 3 70B at TP 8", published70b, 8],
    ] as const)
      for (const ropeInterleaved of [false, true])
        it(`its places are the llama plugin's, ${what}${ropeInterleaved ? ", interleaved" : ""}`, () => {
          // Settings that only this pair's configs have need a value.
          const whole = { mlp_bias: false, pad_token_id: null, pretraining_tp: 1, ...config };
          const places = placesOf(pluginNamed("llama-draft", out), whole, { tp, ropeInterleaved });
          expect(places).to.deep.equal(placesOf(llama, config, { tp, ropeInterleaved }));
        });

    it("a conversion with it gives Nanotron's own files, at the other TP too, and back the source's tensors", async () => {
      const drafted = createEngine({ plugins: [out] });
      for (const tp of [1, 2]) {
        const there = scratch.fresh();
        await drafted.convert(source, there, { to: "nanotron", tp, nanotronVersion: "1.5", plugin: "llama-draft", verify: "parameters" });
        expectSameData(there, fixture(`golden/nanotron-tp${tp}`));
      }
      const back = scratch.fresh();
      await drafted.convert(fixture(`golden/${golden}`), back, { to: "huggingface", plugin: "llama-draft", verify: "none" });
      const [found, expected] = [readAllTensors(back), readAllTensors(source)];
      expect([...found.keys()].sort()).to.deep.equal([...expected.keys()].sort());
      for (const [name, { data }] of expected) expect(found.get(name)?.data.equals(data), name).to.equal(true);
    });
  });
}

describe("plugins infer, golden/tied-huggingface and golden/tied-nanotron", () => {
  it("finds llama's rules save that of the output matrix, which neither stores, and says so", async () => {
    const out = scratch.fresh();
    const report = await engine.inferPlugin(fixture("golden/tied-huggingface"), fixture("golden/tied-nanotron"), { out });
    expect([report.unexplained, report.carries]).to.deep.equal([[], true]);
    expect(report.remarks.some((remark) => remark.startsWith("tie_word_embeddings is true"))).to.equal(true);
    const visible = mappingOf(llama).filter(({ name }) => name !== "lm_head");
    expect(mappingOf(pluginNamed("llama-draft", out))).to.deep.equal(visible);
  });
});
