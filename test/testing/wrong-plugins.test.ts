// What the kit finds in wrong plugins of a family with forwards. Its word is worth as much as what it does not let through.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { type ArchitectureCases, ArchitectureTester, type ValidCase } from "../../core/testing/architecture-tester.js";
import { scratchFolder } from "../helpers/folders.js";
import { model } from "../helpers/kit-cases.js";
import { exchanged, reordered, withoutRotary, writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("kit");
after(scratch.remove);

/** Matched by hand: a copy of llama ties with it. */
const UNMATCHED = /is matched, and proven at every topology/;

async function problemsOf(folder: string, cases: ArchitectureCases): Promise<string[]> {
  const { problems } = await new ArchitectureTester().test(folder, cases);
  return problems.filter((line) => !UNMATCHED.test(line));
}

describe("the kit, on a wrong plugin that extends a family with forwards", () => {
  const [Q, K, V] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"] as const;
  const wrongs: [string, (yaml: string) => string, string][] = [
    ["gate and up exchanged", reordered(["mlp.gate_proj", "mlp.up_proj"], ["mlp.up_proj", "mlp.gate_proj"]), "TP 1, PP 1, half-split RoPE"],
    ["rotary left out", withoutRotary, "TP 1, PP 1, interleaved RoPE"],
    ["k before q", reordered([Q, K, V], [K, Q, V]), "TP 1, PP 1, half-split RoPE"],
    ["v before k", reordered([Q, K, V], [Q, V, K]), "TP 1, PP 1, half-split RoPE"],
    ["norms exchanged", exchanged("input_layernorm", "post_attention_layernorm"), "TP 1, PP 1, half-split RoPE"],
  ];
  for (const [name, change, where] of wrongs) {
    it(`${name}: the forwards part, and the round trip does not see it`, async () => {
      const problems = await problemsOf(writePlugin(scratch.fresh(), "wrong", change), { valid: [model] });
      expect(problems.find((line) => line.startsWith(`small: both frameworks' forwards agree: ${where}, cpu: `))).to.be.a("string");
      expect(problems.filter((line) => line.includes("there and back"))).to.deep.equal([]);
    });
  }

  it("cut on the wrong axis: said before anything is converted", async () => {
    const folder = writePlugin(scratch.fresh(), "wrong", (yaml) =>
      yaml.replace(
        "parallel: column\n        huggingface: { tensor: model.embed_tokens.weight",
        "huggingface: { tensor: model.embed_tokens.weight",
      ),
    );
    const [first] = await problemsOf(folder, { valid: [model] });
    expect(first).to.equal(
      "small: both frameworks' forwards agree: TP 1, PP 1, half-split RoPE, cpu: model.token_position_embeddings.pp_block.token_embedding.weight is whole, and Nanotron's forward takes it cut",
    );
  });
});

describe("the kit, on a model whose output matrix costs more than its layers", () => {
  // A layer costs 4·4·8·32 + 3·48·32 = 8704, lm_head 4000·32 = 128000, all of it 197632. An eighth of that is three layers' work, and
  // lm_head lies on rank 2: the cast and the loss that follow cannot fill the five ranks that are left.
  const config = { ...model.config, num_hidden_layers: 8, vocab_size: 4000, tie_word_embeddings: true };
  const [PUBLISHED, ROUND_TRIP] = ["is matched, and proven at every topology", "there and back at every topology, byte for byte"];

  async function outcomeOf(title: string, change: Partial<ValidCase> = {}): Promise<string> {
    const tests = new Map<string, () => Promise<void>>();
    const it = (name: string, body: () => Promise<void>) => tests.set(name, body);
    new ArchitectureTester({}, { describe: (_, body) => body(), it }).run("llama", { valid: [{ ...model, config, ...change }] });
    const run = tests.get(`small: ${title}`) ?? expect.fail(`no test ${title}`);
    return run().then(
      () => "passed",
      (error: Error) => error.message,
    );
  }

  it("leaves out the pipelines that Nanotron's placement cannot fill", async () => {
    expect(await outcomeOf(PUBLISHED)).to.equal("passed");
    expect(await outcomeOf(ROUND_TRIP)).to.equal("passed");
  });
  it("does not leave out one that the case names", async () => {
    const found = await outcomeOf(PUBLISHED, { topologies: [{ pp: 8 }] });
    expect(found).to.match(/^pp 8: Nanotron's placement leaves pipeline rank 7 without a block/);
  });
});
