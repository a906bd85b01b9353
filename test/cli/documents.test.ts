// --json: whatever happens, stdout is exactly one JSON document, as its schema says.

import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { commandPath, type Outcome, run } from "../helpers/command.js";
import { editJson, fixture, readJson, scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("documents");
after(scratch.remove);
const source = fixture("tiny-llama3");
const tp2 = fixture("golden/nanotron-tp2");
const schemas = join(commandPath, "../../../../schemas");

const validators = new Map<string, ValidateFunction>();
const compile = (file: string): ValidateFunction => {
  // Not strictRequired: `oneOf` and `if` ask for fields that are described beside them.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
  return ajv.compile(JSON.parse(readFileSync(join(schemas, file), "utf8")));
};

function expectValid(document: unknown, schema: string): void {
  const validate = validators.get(schema) ?? compile(`${schema}.schema.json`);
  validators.set(schema, validate);
  validate(document);
  expect(validate.errors ?? []).to.deep.equal([]);
}

/** JSON.parse refuses a second document. */
function documentOf({ stdout }: Outcome, schema: string): ReturnType<typeof JSON.parse> {
  const document = JSON.parse(stdout);
  expectValid(document, schema);
  return document;
}

describe("schemas", () => {
  for (const file of readdirSync(schemas)) {
    it(`${file} compiles in strict mode and describes itself`, () => {
      compile(file);
      expect(readJson(schemas, file)).to.include({ $schema: "https://json-schema.org/draft/2020-12/schema", $id: file });
    });
  }
  it("refuse a document with a field that they do not know", () => {
    expect(() => expectValid({ error: { code: "USAGE", message: "m", colour: "red" } }, "error")).to.throw();
  });
});

describe("--json", () => {
  const broken = scratch.copy("tiny-llama3");
  const written = scratch.fresh();
  const claimed = scratch.copy("golden/nanotron-tp1");
  before(() => {
    editJson(broken, "config.json", { num_key_value_heads: 2 });
    editJson(claimed, "model_config.json", { initializer_range: 0.5 });
  });

  const results: [string, string[], string, number, object][] = [
    ["convert", ["convert", source, written, "--to", "nanotron", "--tp", "2"], "convert", 0, { written: true, verified: "predictions" }],
    [
      "convert --dry-run",
      ["convert", tp2, scratch.fresh(), "--to", "huggingface", "--dry-run"],
      "convert",
      0,
      { written: false, verified: "none" },
    ],
    ["plan", ["plan", source, "--to", "nanotron", "--tp", "2", "--dtype", "F32"], "plan", 0, { proven: true }],
    ["inspect, Hugging Face", ["inspect", source], "inspect", 0, { layout: "huggingface", sound: true, version: null }],
    ["inspect, Nanotron", ["inspect", tp2], "inspect", 0, { layout: "nanotron", sound: true, version: "1.5" }],
    ["inspect --devices", ["inspect", "--devices"], "devices", 0, {}],
    ["inspect of a broken one", ["inspect", broken], "inspect", 1, { layout: "huggingface", sound: false }],
    ["verify, equal", ["verify", source, tp2], "verify", 0, { verdict: "equal" }],
    ["verify --report", ["verify", source, tp2, "--report", `${scratch.fresh()}.html`], "verify", 0, { verdict: "equal" }],
    ["verify, different", ["verify", source, fixture("golden/tied-huggingface")], "verify", 1, { verdict: "different" }],
    ["predict", ["predict", source, "--prompt", "In the beginning"], "predict", 0, { prompt: "text", numerics: "exact", tp: 1 }],
    ["plugins list", ["plugins", "list"], "plugins", 0, {}],
    [
      "plugins show of a folder",
      ["plugins", "show", join(schemas, "../examples/03-plugin/tiny-mistral")],
      "plugin-show",
      0,
      { name: "tiny-mistral", family: "llama" },
    ],
    ["plugins show", ["plugins", "show", "llama3-8b"], "plugin-show", 0, { name: "llama3-8b", family: "llama" }],
    [
      "plugins infer",
      ["plugins", "infer", source, tp2, "--out", scratch.fresh()],
      "plugin-infer",
      0,
      { plugin: "llama-draft", carries: true },
    ],
    [
      "plugins infer, of what does not fit together",
      ["plugins", "infer", source, claimed, "--out", scratch.fresh()],
      "plugin-infer",
      1,
      { plugin: "llama-draft", carries: true },
    ],
    ["plugins check", ["plugins", "check", join(schemas, "../plugins/llama")], "plugin-check", 0, { plugin: "llama", valid: true }],
    ["plugins new", ["plugins", "new", join(scratch.fresh(), "fresh-model")], "plugin-new", 0, { plugin: "fresh-model", extends: "llama" }],
    ["plugins test", ["plugins", "test", join(schemas, "../plugins/smollm2-360m")], "plugin-test", 0, {}],
  ];
  for (const [what, args, schema, code, fields] of results) {
    it(what, async () => {
      const outcome = await run([...args, "--json"]);
      expect({ code: outcome.code, stderr: outcome.stderr }).to.deep.equal({ code, stderr: "" });
      expect(documentOf(outcome, schema)).to.include(fields);
    });
  }

  it("the receipt that a conversion leaves is valid, and carries the config", () => {
    const receipt = readJson(written, "weighbridge.receipt.json");
    expectValid(receipt, "receipt");
    expect(receipt).to.deep.include({ plugin: "llama", weights: "exact", verified: "predictions" });
    expect(JSON.parse(receipt.carried.huggingface)).to.deep.equal(readJson(source, "config.json"));
  });

  it("warnings are in the document, and on stderr as lines", async () => {
    const stray = scratch.copy("tiny-llama3");
    writeFileSync(join(stray, "notes.txt"), "");
    const outcome = await run(["convert", stray, scratch.fresh(), "--to", "nanotron", "--json"]);
    const { warnings } = documentOf(outcome, "convert");
    expect(warnings).to.deep.equal(["files that are neither weights nor known side files stay behind: notes.txt"]);
    expect(outcome.stderr).to.equal(`weighbridge: warning: ${warnings[0]}\n`);
  });
});

describe("--json, errors", () => {
  const truncated = scratch.copy("tiny-llama3");
  const biased = scratch.copy("tiny-llama3");
  const misshapen = scratch.copy("tiny-llama3");
  const plugin = scratch.fresh();
  before(() => {
    truncateSync(join(truncated, "model-00002-of-00003.safetensors"), 100);
    editJson(biased, "config.json", { attention_bias: true });
    editJson(misshapen, "config.json", { intermediate_size: 256 });
    mkdirSync(plugin);
    writeFileSync(join(plugin, "plugin.yaml"), "name: mine\nextends: llama\nexpct: {}\nrope: { theta: big }\n");
  });

  const to = ["--to", "nanotron"];
  const out = scratch.fresh();
  const errors: [string, () => string[], number, number][] = [
    ["USAGE", () => ["verify", source], 2, 1],
    ["USAGE", () => ["plan", "/no/such/folder", ...to], 2, 1],
    ["FORMAT", () => ["convert", truncated, out, ...to], 1, 1],
    ["CHECKPOINT", () => ["inspect", plugin], 1, 1],
    ["SHAPE_MISMATCH", () => ["convert", misshapen, out, ...to], 1, 1],
    ["DECLARATION", () => ["plugins", "check", plugin], 1, 2],
    ["UNSUPPORTED", () => ["convert", biased, out, ...to], 1, 1],
    ["STORAGE", () => ["convert", source, join(plugin, "plugin.yaml/out"), ...to], 1, 1],
  ];
  for (const [code, args, exitCode, lines] of errors) {
    it(`${code}: ${args().slice(0, 2).join(" ")}`, async () => {
      const outcome = await run([...args(), "--json"]);
      const { error } = documentOf(outcome, "error");
      expect({ code: error.code, exitCode: outcome.code }).to.deep.equal({ code, exitCode });
      expect(outcome.stderr.trimEnd().split("\n")).to.have.length(lines);
      expect(outcome.stderr.replace(/^weighbridge: /gm, "").trimEnd()).to.equal(error.message);
      const problems = error.problems?.map(({ line, pointer }: { line: number; pointer: string }) => `${line} ${pointer}`);
      expect(problems).to.deep.equal(code === "DECLARATION" ? ["3 /expct", "4 /rope/theta"] : undefined);
      if (error.hint !== undefined) expect(error.message.endsWith(error.hint)).to.equal(true);
    });
  }

  it("--debug adds the stack on stderr, not to the document", async () => {
    const outcome = await run(["--debug", "plan", "/no/such/folder", ...to, "--json"]);
    documentOf(outcome, "error");
    expect(outcome.stderr).to.match(/^weighbridge: .*\nUsageError: .*\n {4}at /);
  });

  after(() => rmSync(plugin, { recursive: true }));
});
