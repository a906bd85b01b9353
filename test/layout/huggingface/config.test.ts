import { expect } from "chai";
import { describe, it } from "mocha";
import type { Value } from "../../../core/architecture/declaration.js";
import { createEngine } from "../../../core/index.js";
import { MemoryStore } from "../../../core/testing/memory-store.js";
import { configOf, writeRandomLlama } from "../../helpers/random-llama.js";

const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };
const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

async function folderWith(changes: Readonly<Record<string, Value | undefined>>): Promise<MemoryStore> {
  const store = new MemoryStore();
  await writeRandomLlama(store, "/source", model, "BF16", 1);
  store.files.set("/source/config.json", new TextEncoder().encode(JSON.stringify({ ...configOf(model), ...changes })));
  return store;
}

describe("config.json", () => {
  const cases: [string, Record<string, Value | undefined>, Value, Value][] = [
    ["an empty rope_scaling says nothing", { rope_scaling: {}, rope_parameters: { ...llama3, rope_theta: 5e5 } }, 5e5, llama3],
    ["nor does a null one", { rope_scaling: null, rope_parameters: { ...llama3, rope_theta: 5e5 } }, 5e5, llama3],
    [
      "another replaces rope_parameters",
      { rope_scaling: llama3, rope_parameters: { rope_theta: 5e5, rope_type: "default" } },
      10000,
      llama3,
    ],
    [
      "a null rope_type leaves the word to type",
      { rope_scaling: { rope_type: null, type: "linear", factor: 2 } },
      10000,
      { rope_type: "linear", factor: 2 },
    ],
  ];
  for (const [what, changes, theta, scaling] of cases)
    it(`${what}, as in transformers 5`, async () => {
      const { config } = await createEngine({ store: await folderWith(changes) }).inspect("/source");
      expect({ theta: config.rope_theta, scaling: config.rope_scaling }).to.deep.equal({ theta, scaling });
    });

  it("a scaling with lists of fractions goes to Nanotron's configs and back", async () => {
    const rope_scaling = { rope_type: "longrope", factor: 4, short_factor: [1, 1.5], long_factor: [1.25, 2] };
    const store = await folderWith({ rope_scaling });
    const engine = createEngine({ store });
    const options = { allowSemanticLoss: true, verify: "none" } as const;
    await engine.convert("/source", "/nanotron", { to: "nanotron", ...options });
    await engine.convert("/nanotron", "/back", { to: "huggingface", ...options });
    expect((await engine.inspect("/back")).config.rope_scaling).to.deep.equal(rope_scaling);
  });

  const refused: [string, Record<string, Value>, string][] = [
    ["a rope_scaling that is text", { rope_scaling: "linear" }, 'rope_scaling: expected an object, found "linear"'],
    ["a rope_scaling that is a list", { rope_scaling: [1] }, "rope_scaling: expected an object, found [1]"],
    ["rope_parameters that are text", { rope_parameters: "linear" }, 'rope_scaling: expected an object, found "linear"'],
    ["a rope_theta of 0", { rope_theta: 0 }, "rope_theta: expected a positive float, found 0"],
    ["a negative rope_theta", { rope_parameters: { rope_theta: -5 } }, "rope_theta: expected a positive float, found -5"],
  ];
  for (const [what, changes, says] of refused)
    it(`${what} is refused`, async () => {
      const { problems, sound } = await createEngine({ store: await folderWith(changes) }).inspect("/source");
      expect({ sound, message: problems[0]?.message }).to.deep.equal({ sound: false, message: `/source/config.json: ${says}` });
    });

  for (const [changes, isNamed] of [
    [{ torch_dtype: "float32" }, true],
    [{ dtype: "float16" }, true],
    [{ torch_dtype: "bfloat16" }, false],
    [{ torch_dtype: "torch.bfloat16" }, false],
    [{ torch_dtype: "auto" }, false],
  ] as const)
    it(`${JSON.stringify(changes)} over weights of BF16 is ${isNamed ? "named before it is replaced" : "no contradiction"}`, async () => {
      const store = await folderWith(changes);
      const { warnings } = await createEngine({ store }).convert("/source", "/out", { to: "nanotron", verify: "none" });
      const [said] = Object.values(changes);
      const line = `config.json: the dtype is ${said}, the weights are BF16; a new config says bfloat16`;
      expect(warnings).to.deep.equal(isNamed ? [line] : []);
    });
});
