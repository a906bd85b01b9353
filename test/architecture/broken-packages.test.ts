// A broken plugin package among sound ones: said where it matters, and in nobody's way.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { run } from "../helpers/command.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { exports, type Files, install, keywords, member } from "../helpers/plugin-packages.js";

const scratch = scratchFolder("broken-packages");
after(scratch.remove);

describe("a broken package", () => {
  const project = scratch.folder();
  const model = fixture("tiny-llama3");
  install(project, "sound", { keywords, exports }, { "plugin.yaml": member("sound") });
  install(
    project,
    "above",
    { keywords, exports },
    { "plugin.yaml": "name: above\nextends: later\nidentify: { settings: { hidden_size: 1 } }\n" },
  );
  install(
    project,
    "zlater",
    { keywords, exports },
    { "plugin.yaml": "name: later\nextends: llama\nidentify: { settings: { hidden_size: 2 } }\n" },
  );
  const wrong: [string, object, Files, RegExp][] = [
    ["no-yaml", { keywords, exports }, { "plugin.yaml": "name: [" }, /plugin\.yaml:\d+ .*/],
    [
      "no-schema",
      { keywords, exports },
      { "plugin.yaml": "name: x\nextends: llama\nexpects: {}\n" },
      /unknown key "expects"; did you mean "expect"\?/,
    ],
    ["no-file", { keywords, exports }, {}, /expected a plugin folder with plugin\.yaml, found none/],
    ["no-family", { keywords, exports }, { "plugin.yaml": "name: y\nextends: nobody\n" }, /no plugin is called "nobody"/],
    ["no-exports", { keywords }, {}, /exports no plugin\.yaml/],
    ["no-json", {}, { "package.json": '{ "keywords": ["weighbridge-plugin"' }, /package\.json/],
    ["taken", { keywords, exports }, { "plugin.yaml": member("llama3-8b") }, /plugin "llama3-8b" is declared twice/],
  ];
  for (const [name, manifest, files] of wrong) install(project, name, manifest, files);

  it("is listed with what is wrong, beside the plugins that are there", async () => {
    const { code, stdout, stderr } = await run(["plugins", "list"], { cwd: project });
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
    expect(stdout)
      .to.match(/^sound +sound@1\.2\.3 /m)
      .and.match(/^above +above@1\.2\.3 /m);
    for (const [name, , , says] of wrong) expect(stdout).to.match(new RegExp(`^broken: ${name}: .*${says.source}`, "m"));
  });
  it("is warned of where a plugin is looked for, and only there", async () => {
    const planned = await run(["plan", model, "--to", "nanotron"], { cwd: project });
    expect(planned.code).to.equal(0);
    expect(planned.stdout).to.include("sound");
    const warnings = planned.stderr.trimEnd().split("\n");
    expect(warnings.length).to.equal(wrong.length);
    for (const warning of warnings)
      expect(warning).to.match(/^weighbridge: warning: the plugin package no-|^weighbridge: warning: the plugin package taken/);
    const named = await run(["plan", model, "--to", "nanotron", "--plugin", "llama"], { cwd: project });
    expect({ code: named.code, stderr: named.stderr }).to.deep.equal({ code: 0, stderr: "" });
  });
  it("is an error with --strict, when it is named, and explains a family that is not there", async () => {
    const strict = await run(["plan", model, "--to", "nanotron", "--strict"], { cwd: project });
    expect(strict.code).to.equal(2);
    expect(strict.stderr).to.match(
      /^weighbridge: the plugin package no-exports is broken.*; remove the package, or name a plugin with --plugin\n$/,
    );
    const named = await run(["plan", model, "--to", "nanotron", "--plugin", "no-schema"], { cwd: project });
    expect(named.stderr).to.match(/^weighbridge: .*plugin\.yaml:3 \/expects: unknown key "expects"; did you mean "expect"\?\n$/);
    const unknown = await run(["plan", model, "--to", "nanotron", "--plugin", "x"], { cwd: project });
    expect(unknown.stderr).to.include("the plugin package no-schema is broken").and.include('"x"');
    expect([named.code, unknown.code]).to.deep.equal([1, 2]);
  });
});
