// The kit itself: what it finds in wrong plugins and wrong cases. Its word is worth as much as what it does not let through.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { DeclarationError } from "../../core/index.js";
import { type ArchitectureCases, ArchitectureTester, type InvalidCase, type ValidCase } from "../../core/testing/architecture-tester.js";
import { scratchFolder } from "../helpers/folders.js";
import { exchanged, reordered, withoutRotary, writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("kit");
after(scratch.remove);

const model: ValidCase = {
  name: "small",
  config: {
    model_type: "llama",
    hidden_size: 32,
    intermediate_size: 48,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    num_hidden_layers: 1,
    vocab_size: 40,
    torch_dtype: "bfloat16",
  },
};
/** Matched by hand: a copy of llama ties with it. */
const UNMATCHED = /is matched, and proven at every topology/;

const test = (folder: string, cases: ArchitectureCases) => new ArchitectureTester().test(folder, cases);

async function problemsOf(folder: string, cases: ArchitectureCases): Promise<string[]> {
  const { problems } = await test(folder, cases);
  return problems.filter((line) => !UNMATCHED.test(line));
}

/** Llama's declaration under another name, without a mistake. */
const writeCopy = (): string =>
  writePlugin(scratch.fresh(), "copy", (yaml) => yaml.replace("description: Llama", "description: A copy of Llama"));

/** A family's declaration of its own, in a folder. */
function writeFamily(name: string, edit: (yaml: string) => string = (yaml) => yaml): string {
  const folder = scratch.fresh();
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "plugin.yaml"),
    edit(`name: ${name}
identify: { huggingface: { model_type: ${name} }, nanotron: { is_${name}_config: true } }
dimensions: { hidden: hidden_size, heads: num_attention_heads, head_dim: { setting: head_dim, default: hidden / heads }, layers: num_hidden_layers }
settings:
  hidden_size: { type: integer }
  num_attention_heads: { type: integer }
  head_dim: { type: integer, default: { dimension: head_dim }, in: huggingface }
  num_hidden_layers: { type: integer }
  rope_theta: { type: float, default: 10000.0 }
  rope_interleaved: { type: boolean, default: false, in: nanotron }
  max_position_embeddings: { type: integer, default: 64 }
constants: { huggingface: { model_type: ${name} }, nanotron: { is_${name}_config: true } }
blocks:
  - name: decoder
    repeat: { index: layer, count: layers }
    parameters:
      - nanotron: "model.{layer}.in.weight"
        parallel: column
        huggingface: { tensor: "layers.{layer}.in.weight", shape: (heads head_dim) hidden, rotary: true }
      - nanotron: "model.{layer}.in.bias"
        parallel: column
        huggingface: { tensor: "layers.{layer}.in.bias", shape: (heads head_dim), rotary: true }
      - nanotron: "model.{layer}.out.weight"
        huggingface: { tensor: "layers.{layer}.out.weight", shape: hidden hidden, transpose: true }
`),
  );
  return folder;
}
const familyConfig = (name: string, headDim = 8) => ({
  model_type: name,
  hidden_size: 4 * headDim,
  num_attention_heads: 4,
  num_hidden_layers: 1,
  torch_dtype: "bfloat16",
});
const mapping = {
  "model.0.in.weight": "column: layers.0.in.weight rotary",
  "model.0.in.bias": "column: layers.0.in.bias rotary",
  "model.0.out.weight": "whole: layers.0.out.weight transpose",
};

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

describe("the kit, on mutants", () => {
  it("notices all of llama's by the frameworks' forwards alone, without a written mapping", async () => {
    const tied = { name: "tied", config: { ...model.config, tie_word_embeddings: true } };
    const folder = writePlugin(scratch.fresh(), "right", (yaml) =>
      yaml
        .replace("description: Llama", "description: A Llama")
        .replace("huggingface: { model_type: llama }", "huggingface: { model_type: right }"),
    );
    const { problems, notes } = await test(folder, { valid: [model, tied] });
    expect(problems.filter((line) => line.includes("mutant"))).to.deep.equal([]);
    // Rotary 3, transpose 9, parallel 18, tied 1, orders 4, exchanged 5, left out 9, flipped 1.
    expect(notes).to.deep.equal(["51 mutants noticed"]);
  });

  it("lets none live for a family without forwards, once the case says what Nanotron's parameters are made of", async () => {
    const { problems, notes } = await test(writeFamily("odd"), { valid: [{ name: "odd", config: familyConfig("odd"), mapping }] });
    expect(problems).to.deep.equal([]);
    expect(notes[0]).to.equal("odd: family odd has no forwards, so that no predictions were compared");
  });

  it("names each that nothing outside the plugin can tell", async () => {
    const { problems } = await test(writeFamily("odd"), { valid: [{ name: "odd", config: familyConfig("odd") }] });
    expect(problems).to.include(
      "every mutant of the plugin is noticed: mutant not noticed: rotary dropped from layers.{layer}.in.weight (odd, TP 4)",
    );
    expect(problems).to.include(
      "every mutant of the plugin is noticed: mutant not noticed: transpose dropped from layers.{layer}.out.weight (odd, TP 4)",
    );
  });

  it("names those that are the identity: a head of one pair has one order of rows", async () => {
    const onePair = { ...model, config: { ...model.config, hidden_size: 8 } };
    const { problems, notes } = await test(writeCopy(), { valid: [onePair] });
    expect(problems.filter((line) => line.includes("mutant"))).to.deep.equal([]);
    const named = notes.filter((line) => line.startsWith("mutant that changes nothing in these cases: rotary"));
    expect(named).to.deep.equal([
      "mutant that changes nothing in these cases: rotary dropped from model.layers.{layer}.self_attn.q_proj.weight",
      "mutant that changes nothing in these cases: rotary dropped from model.layers.{layer}.self_attn.k_proj.weight",
      "mutant that changes nothing in these cases: rotary given to model.layers.{layer}.self_attn.v_proj.weight",
      "mutant that changes nothing in these cases: rotary flipped everywhere",
    ]);
  });

  it("asks for a case about every limit that the plugin itself declares", async () => {
    const limited = (yaml: string) =>
      `${yaml}limits: { nanotron: [{ setting: head_dim, only: 8, loss: weights, because: heads have eight rows }] }\n`;
    const valid = [{ name: "odd", config: familyConfig("odd"), mapping }];
    const unsaid =
      "every mutant of the plugin is noticed: mutant not noticed: limit on head_dim dropped (no invalid case and no loss is about it)";
    expect((await test(writeFamily("odd", limited), { valid })).problems).to.deep.equal([unsaid]);
    const invalid = [{ name: "larger heads", config: familyConfig("odd", 16), code: "UNSUPPORTED", pointer: "/head_dim" }];
    expect((await test(writeFamily("odd", limited), { valid, invalid })).problems).to.deep.equal([]);
  });
});

describe("the kit, on faults of a conversion", () => {
  it("a bias that arrives as zeros is noticed, of each that a family has", async () => {
    const titles: string[] = [];
    const cases = { valid: [{ name: "odd", config: familyConfig("odd"), mapping }] };
    await new ArchitectureTester().test(writeFamily("odd"), cases, (title) => titles.push(title));
    expect(titles).to.include("odd: a bias that is dropped is noticed");
  });
});

describe("the kit, on cases", () => {
  const refusedFor = (cases: object): string => {
    try {
      new ArchitectureTester({}, { describe: () => undefined, it: () => undefined }).run("llama", cases as ArchitectureCases);
    } catch (error) {
      if (error instanceof DeclarationError) return error.message;
      throw error;
    }
    return "";
  };

  it("an unknown key is named, with the one that was meant", () => {
    expect(refusedFor({ valid: [{ ...model, topology: [] }] })).to.equal(
      'the cases of llama:1 /valid/0/topology: unknown key "topology"; did you mean "topologies"?',
    );
  });
  it("a name twice", () => {
    const other = { ...model, config: { ...model.config, vocab_size: 80 } };
    expect(refusedFor({ valid: [model, other] })).to.equal('the cases of llama:1 /valid/1/name: "small" is the name of /valid/0 too');
  });
  it("a case twice, under two names", () => {
    expect(refusedFor({ valid: [model, { ...model, name: "again" }] })).to.equal(
      "the cases of llama:1 /valid/1: is the case /valid/0 once more",
    );
  });
  it("no case at all", () => {
    expect(refusedFor({ valid: [] })).to.match(/^the cases of llama:1 \/valid: must NOT have fewer than 1 items/);
  });

  const wrongs: [string, Partial<ArchitectureCases>, string][] = [
    [
      "a refusal with another code",
      { invalid: [{ name: "biased", config: { ...model.config, attention_bias: true }, code: "CHECKPOINT" }] },
      "biased: is refused: expected CHECKPOINT, found UNSUPPORTED: nanotron cannot hold this model: attention_bias true: Nanotron's Llama has no biases, even with attention_bias",
    ],
    [
      "a refusal at another setting",
      { invalid: [{ name: "biased", config: { ...model.config, attention_bias: true }, code: "UNSUPPORTED", pointer: "/mlp_bias" }] },
      "biased: is refused: expected a fault at /mlp_bias, found /attention_bias: nanotron cannot hold this model: attention_bias true: Nanotron's Llama has no biases, even with attention_bias",
    ],
    [
      "a refusal that does not come",
      { invalid: [{ name: "sound", config: { ...model.config, vocab_size: 80 }, code: "UNSUPPORTED" }] },
      "sound: is refused: expected UNSUPPORTED, found a proven plan",
    ],
    [
      "a loss that there is not",
      { valid: [{ ...model, losses: ["rope_scaling"] }] },
      'small: is matched, and proven at every topology: expected the losses ["rope_scaling"], found none',
    ],
    [
      "a loss that is not named",
      { valid: [{ ...model, config: { ...model.config, attention_dropout: 0.5 } }] },
      `small: is matched, and proven at every topology: expected the losses none, found ["attention_dropout 0.5: Nanotron's Llama has no attention dropout"]`,
    ],
    [
      "a topology that is none",
      { valid: [{ ...model, topologies: [{ tp: 3 }] }] },
      "small: is matched, and proven at every topology: tp 3 does not divide vocab (40); the nearest TP that does is 2; possible: 1, 2",
    ],
    [
      "a mapping that says something else",
      { valid: [{ ...model, mapping: { "model.final_layer_norm.pp_block.weight": "whole: model.norm.bias" } }] },
      'small: there and back at every topology, byte for byte: model.final_layer_norm.pp_block.weight: the case expects "whole: model.norm.bias", found "whole: model.norm.weight"',
    ],
  ];
  for (const [name, change, problem] of wrongs) {
    it(`${name} is one line`, async () => {
      const { problems } = await test("llama3-8b", { valid: [model], ...change });
      const [named = "", title = ""] = problem.split(": ");
      const [found, ...more] = problems.filter((line) => line.startsWith(`${named}: ${title}: `));
      expect(found?.slice(0, problem.length)).to.equal(problem);
      expect(more).to.deep.equal([]);
    });
  }

  describe("of Nanotron's own, on its way to Hugging Face", () => {
    const limited = (yaml: string) =>
      yaml
        .replace("constants:", "  window: { type: integer, nullable: true, default: null, in: nanotron }\nconstants:")
        .concat("limits: { huggingface: [{ setting: window, only: null, loss: meaning, because: it has no windows }] }\n");
    const windowed = { name: "a window", config: familyConfig("odd"), nanotron: { window: 8 }, code: "UNSUPPORTED", pointer: "/window" };
    const valid = [{ name: "odd", config: familyConfig("odd"), mapping }];
    const problemsWith = async (...invalid: InvalidCase[]) => (await test(writeFamily("odd", limited), { valid, invalid })).problems;

    it("is what a limit of Hugging Face's needs", async () => {
      expect(await problemsWith()).to.deep.equal([
        "every mutant of the plugin is noticed: mutant not noticed: limit on window dropped (no invalid case and no loss is about it)",
      ]);
      expect(await problemsWith({ ...windowed, says: "window 8: it has no windows" })).to.deep.equal([]);
    });
    it("a refusal that does not come is one line", async () => {
      const [first] = await problemsWith({ ...windowed, nanotron: { windows: 8 } });
      expect(first).to.equal("a window: is refused: expected UNSUPPORTED, found a proven plan");
    });
    it("a config that Nanotron cannot hold is not taken for the refusal", async () => {
      const [first] = await problemsWith({ ...windowed, tp: 3 });
      expect(first).to.match(/^a window: is refused: expected a config that becomes Nanotron's, found tp 3 does not divide heads/);
    });
  });

  it("inputs that change while they are read are noticed", async () => {
    let reads = 0;
    const config = Object.defineProperty({ ...model.config }, "seed", { enumerable: true, get: () => reads++ });
    const { problems } = await test("llama", { valid: [{ ...model, config }] });
    expect(problems).to.include("small: both frameworks' forwards agree: the plugin or its cases were changed while they were read");
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

describe("the kit, under a test framework", () => {
  it("is what the package exports as weighbridge/testing", async () => {
    const specifier: string = "weighbridge/testing";
    expect((await import(specifier)).ArchitectureTester).to.equal(ArchitectureTester);
  });

  it("declares a suite with a test for each check, and fails the one that fails", async () => {
    const suites: string[] = [];
    const tests = new Map<string, () => Promise<void>>();
    const framework = {
      describe: (title: string, body: () => void) => {
        suites.push(title);
        body();
      },
      it: (title: string, body: () => Promise<void>) => tests.set(title, body),
    };
    new ArchitectureTester({}, framework).run("llama", { valid: [{ ...model, losses: ["none"] }] });
    expect(suites).to.deep.equal(["plugin llama"]);
    expect([...tests.keys()]).to.deep.equal([
      "small: is matched, and proven at every topology",
      "small: there and back at every topology, byte for byte",
      "small: both frameworks' forwards agree",
      "every mutant of the plugin is noticed",
    ]);
    const outcome = await tests
      .get("small: is matched, and proven at every topology")?.()
      .then(
        () => "passed",
        (error: Error) => error.message,
      );
    expect(outcome).to.equal('expected the losses ["none"], found none');
  });
});
