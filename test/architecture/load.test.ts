// What is wrong with a plugin's file: each mistake once, in words of its author's, and no file is read that is none.

import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("load");
const engine = createEngine();
after(scratch.remove);

function pluginWith(make: (path: string) => void): string {
  const folder = scratch.fresh();
  mkdirSync(folder);
  make(join(folder, "plugin.yaml"));
  return folder;
}

function problemsOf(folder: string): string[] {
  try {
    engine.checkPlugin(folder);
    return [];
  } catch (error) {
    return (error as Error).message.replaceAll(`${folder}/`, "").split("\n");
  }
}

describe("a limit with a mistake", () => {
  const cases: [string, string, string][] = [
    ["neither only nor never", "{ setting: mlp_bias, loss: meaning, because: x }", ": expected one of the keys only, never"],
    ["both", "{ setting: mlp_bias, only: 1, never: 2, loss: meaning, because: x }", ": expected only one of the keys only, never"],
    ["no reason", "{ setting: mlp_bias, only: 1, loss: meaning }", ': missing key "because"'],
    ["a list of words", "{ setting: mlp_bias, only: [x], loss: meaning, because: x }", '/only/0: expected integer, found "x"'],
    [
      "a list that is never",
      "{ setting: mlp_bias, never: [1], loss: meaning, because: x }",
      "/never: expected string or number or boolean or null, found [1]",
    ],
    [
      "another setting that there is not",
      "{ setting: mlp_bias, only: { setting: mlp_bia }, loss: meaning, because: x }",
      '/only/setting: unknown setting "mlp_bia"; did you mean "mlp_bias"?',
    ],
    ["a number in its place", "5", ": expected object, found 5"],
  ];
  for (const [what, limit, says] of cases)
    it(`${what}: is one problem`, () => {
      const folder = pluginWith((path) => writeFileSync(path, `name: mine\nextends: llama\nlimits:\n  nanotron:\n    - ${limit}\n`));
      expect(problemsOf(folder)).to.deep.equal([`plugin.yaml:5 /limits/nanotron/0${says}`]);
    });
});

describe("a setting's form in a layout with a mistake", () => {
  const cases: [string, string, string][] = [
    ["Hugging Face's own", "{ huggingface: { key: x } }", "/huggingface: a setting is declared as Hugging Face's config has it"],
    ["a layout that there is not", "{ nemotron: { key: x } }", '/nemotron: unknown layout "nemotron"; did you mean "nanotron"?'],
    ["nothing in it", "{ nanotron: {} }", "/nanotron: must NOT have fewer than 1 properties, found {}"],
  ];
  for (const [what, as, says] of cases)
    it(`${what}: is one problem`, () => {
      const yaml = `name: mine\nextends: llama\nsettings:\n  extra: { type: integer, default: 1, as: ${as} }\n`;
      expect(problemsOf(pluginWith((path) => writeFileSync(path, yaml)))).to.deep.equal([`plugin.yaml:4 /settings/extra/as${says}`]);
    });
});

describe("a choice of forms with a mistake", () => {
  it("is one problem each", () => {
    const yaml = "name: mine\nextends: llama\ndimensions: { a: 5, b: { setting: x, default: [1] } }\n";
    expect(problemsOf(pluginWith((path) => writeFileSync(path, yaml)))).to.deep.equal([
      "plugin.yaml:3 /dimensions/a: 5 has none of the forms allowed here",
      "plugin.yaml:3 /dimensions/b/default: [1] has none of the forms allowed here",
    ]);
  });
});

describe("a plugin.yaml that is none", () => {
  it("a link to what never ends", function () {
    if (process.platform === "win32") this.skip();
    const folder = pluginWith((path) => symlinkSync("/dev/zero", path));
    expect(problemsOf(folder)).to.deep.equal(["plugin.yaml: expected a regular file"]);
  });

  it("one of a terabyte", () => {
    const folder = pluginWith((path) => {
      writeFileSync(path, "");
      truncateSync(path, 2 ** 40);
    });
    expect(problemsOf(folder)).to.deep.equal(["plugin.yaml: expected at most 1048576 bytes, found 1099511627776"]);
  });
});
