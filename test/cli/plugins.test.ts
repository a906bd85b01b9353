// plugins new and plugins test, as a person uses them.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { run } from "../helpers/command.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { expectRefusal } from "../helpers/refusal.js";
import { reordered, writePlugin } from "../helpers/wrong-plugins.js";

const scratch = scratchFolder("plugins");
after(scratch.remove);

const edit = (path: string, change: (text: string) => string): void => writeFileSync(path, change(readFileSync(path, "utf8")));

describe("plugins new", () => {
  it("makes a folder whose plugin passes its test at once", async () => {
    const cwd = scratch.folder();
    const made = await run(["plugins", "new", "my-model", "--extends", "llama"], { cwd });
    expect(made).to.deep.equal({
      code: 0,
      stdout: "wrote my-model/plugin.yaml, my-model/cases.yaml, my-model/README.md, my-model/package.json\n",
      stderr: "",
    });
    const tested = await run(["plugins", "test", "./my-model"], { cwd });
    expect({ code: tested.code, stderr: tested.stderr }).to.deep.equal({ code: 0, stderr: "" });
    expect(tested.stdout).to.match(/^my-model: note: 70 mutants noticed\n.*\nmy-model: 4 checks passed, 0 problems\n$/);
  });

  for (const family of ["mistral", "llama3-8b"]) {
    it(`extends ${family} as well`, async () => {
      const folder = join(scratch.folder(), "another");
      const config = family === "mistral" ? [] : ["--config", join(fixture("tiny-llama3"), "config.json")];
      expect((await run(["plugins", "new", folder, "--extends", family, ...config])).code).to.equal(0);
      const { code, stdout } = await run(["plugins", "test", folder]);
      expect({ code, last: stdout.trimEnd().split("\n").at(-1) }).to.deep.equal({ code: 0, last: "another: 4 checks passed, 0 problems" });
    });
  }

  it("takes a model's config.json, pins its values, and finds its checkpoints", async () => {
    const folder = join(scratch.folder(), "tiny");
    await run(["plugins", "new", folder, "--config", join(fixture("tiny-llama3"), "config.json")]);
    expect(readFileSync(join(folder, "plugin.yaml"), "utf8")).to.include("  vocab_size: 1024\n");
    const { code, stdout } = await run(["plan", fixture("tiny-llama3"), "--to", "nanotron", "--plugin", folder, "--strict"]);
    expect(code).to.equal(0);
    expect(stdout).to.include("plugin tiny");
  });

  const refused: [string, string[], string[]][] = [
    ["a folder that is there", ["plugins", "new", "there"], ["there is there already"]],
    ["a name that is taken", ["plugins", "new", "llama3-8b"], ['there is a plugin called "llama3-8b" already']],
    ["a name that is none", ["plugins", "new", "My Model"], ['"My Model": expected a plugin\'s name']],
    ["a family that is none", ["plugins", "new", "mine", "--extends", "lama"], ['no plugin is called "lama"', 'did you mean "llama"?']],
    ["a model that has a plugin", ["plugins", "new", "mine", "--extends", "llama3-8b"], ["llama3-8b is a plugin for this model already"]],
    [
      "a config of another family",
      ["plugins", "new", "mine", "--extends", "qwen2", "--config", join(fixture("tiny-llama3"), "config.json")],
      ['config.json: model_type: qwen2 is for "qwen2", found "llama"; name another family'],
    ],
    ["a config that is none", ["plugins", "new", "mine", "--config", "nowhere.json"], ["nowhere.json: expected a config.json, found none"]],
  ];
  for (const [what, args, says] of refused) {
    it(`refuses ${what}`, async () => {
      const parent = scratch.folder();
      writeFileSync(join(parent, "there"), "");
      await expectRefusal(parent, args, { code: 2, says });
    });
  }
});

describe("plugins test", () => {
  it("exits 1 on a wrong plugin, with one line for each problem", async () => {
    const folder = writePlugin(scratch.fresh(), "wrong", (yaml) =>
      reordered(
        ["mlp.gate_proj", "mlp.up_proj"],
        ["mlp.up_proj", "mlp.gate_proj"],
      )(yaml).replace("huggingface: { model_type: llama }", "huggingface: { model_type: wrong }"),
    );
    const cases = `valid: [{ name: small, config: { model_type: wrong, hidden_size: 32, intermediate_size: 48, num_attention_heads: 4, num_hidden_layers: 1, vocab_size: 40 } }]\n`;
    writeFileSync(join(folder, "cases.yaml"), cases);
    const { code, stdout, stderr } = await run(["plugins", "test", folder]);
    expect({ code, stderr }).to.deep.equal({ code: 1, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).to.match(
      /^wrong: small: both frameworks' forwards agree: TP 1, PP 1, half-split RoPE, cpu: .*24 predictions .* do not agree/,
    );
    expect(lines.every((line) => line.startsWith("wrong: "))).to.equal(true);
  });

  it("says which mutant nothing notices", async () => {
    const folder = join(scratch.folder(), "mine");
    await run(["plugins", "new", folder]);
    edit(
      join(folder, "plugin.yaml"),
      (text) => `${text}limits: { nanotron: [{ setting: hidden_size, never: 7, loss: weights, because: seven is odd }] }\n`,
    );
    const { code, stdout } = await run(["plugins", "test", folder]);
    expect(code).to.equal(1);
    expect(stdout).to.include(
      "mine: every mutant of the plugin is noticed: mutant not noticed: limit on hidden_size dropped (no invalid case and no loss is about it)\n",
    );
  });

  it("names file, line and pointer of a mistake in the cases", async () => {
    const folder = join(scratch.folder(), "mine");
    await run(["plugins", "new", folder]);
    edit(join(folder, "cases.yaml"), (text) => text.replace("    config:", "    konfig:"));
    const { code, stderr } = await run(["plugins", "test", folder]);
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      `weighbridge: ${join(folder, "cases.yaml")}:4 /valid/0: missing key "config"\nweighbridge: ${join(folder, "cases.yaml")}:5 /valid/0/konfig: unknown key "konfig"; did you mean "config"?\n`,
    );
  });

  it("asks for the cases when there are none", async () => {
    const { code, stderr } = await run(["plugins", "test", writePlugin(scratch.fresh(), "mine", (yaml) => `${yaml}\n`)]);
    expect(code).to.equal(2);
    expect(stderr).to.match(/: expected cases\.yaml beside the plugin, found none; plugins new makes one to start from\n$/);
  });

  it("leaves nothing behind", async () => {
    const parent = scratch.folder();
    await run(["plugins", "new", "mine"], { cwd: parent });
    await run(["plugins", "test", "mine"], { cwd: parent });
    expect(readdirSync(parent)).to.deep.equal(["mine"]);
  });
});
