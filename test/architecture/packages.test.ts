// Which installed packages bring plugins, and that none of their code runs unless it is asked for.

import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, installedPackages, UsageError } from "../../core/index.js";
import { run } from "../helpers/command.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { exports, type Files, install, keywords, member } from "../helpers/plugin-packages.js";

const scratch = scratchFolder("packages");
after(scratch.remove);

function refusal(project: string): string {
  try {
    createEngine({ packages: installedPackages(project) });
  } catch (error) {
    if (error instanceof UsageError || (error instanceof Error && "problems" in error)) return error.message;
    throw error;
  }
  return "";
}

describe("packages with plugins", () => {
  it("are found by keyword and exports, scoped ones too, and tell where a plugin is from", () => {
    const project = scratch.folder();
    install(project, "one", { keywords, exports }, { "plugin.yaml": member("one") });
    install(
      project,
      "@me/two",
      { keywords: ["llm", ...keywords], exports: { "./two/plugin.yaml": "./lib/plugin.yaml" } },
      { "lib/plugin.yaml": member("two") },
    );
    install(project, "unrelated", { keywords: ["llm"], exports }, { "plugin.yaml": "not: [yaml" });
    const found = createEngine({ packages: installedPackages(project) }).plugins();
    const origins = found.filter(({ origin }) => origin !== "built in").map(({ name, origin }) => [name, origin]);
    expect(origins).to.deep.equal([
      ["two", "@me/two@1.2.3"],
      ["one", "one@1.2.3"],
    ]);
  });

  it("are looked for in the folders above, and the nearer of two counts", () => {
    const project = scratch.folder();
    install(project, "one", { keywords, exports, version: "1.0.0" }, { "plugin.yaml": member("one") });
    install(join(project, "inner"), "one", { keywords, exports, version: "2.0.0" }, { "plugin.yaml": member("one") });
    expect(installedPackages(join(project, "inner")).map(({ version }) => version)).to.deep.equal(["2.0.0"]);
    expect(installedPackages(join(project, "other")).map(({ version }) => version)).to.deep.equal(["1.0.0"]);
  });

  it("of others nothing is asked: what cannot be read, or is no package", () => {
    const project = scratch.folder();
    const root = install(project, "looping", {});
    rmSync(join(root, "package.json"));
    symlinkSync("package.json", join(root, "package.json"));
    mkdirSync(join(project, "node_modules/empty"));
    writeFileSync(join(project, "node_modules/file"), "");
    expect(installedPackages(project)).to.deep.equal([]);
  });

  const broken: [string, object, Files, RegExp][] = [
    ["no name", { keywords, exports, name: 7 }, { "plugin.yaml": member("bad") }, /package\.json: name: expected a text, found 7$/],
    [
      "no version",
      { keywords, exports, version: null },
      { "plugin.yaml": member("bad") },
      /package\.json: version: expected a text, found null$/,
    ],
    [
      "no plugin.yaml among the exports",
      { keywords },
      {},
      /^bad \(.*\): the package has the keyword weighbridge-plugin and exports no plugin.yaml; its package.json needs/,
    ],
    [
      "a path out of the package",
      { keywords, exports: { "./plugin.yaml": "../plugin.yaml" } },
      {},
      /exports\["\.\/plugin\.yaml"\]: expected a path inside the package, found "\.\.\/plugin\.yaml"$/,
    ],
    [
      "another version of weighbridge",
      { keywords, exports, peerDependencies: { weighbridge: ">=99" } },
      {},
      /the package is for weighbridge >=99, and this is 0\.1\.0; install another version/,
    ],
    [
      "a plugin for another version",
      { keywords, exports },
      { "plugin.yaml": `weighbridge: ">=99"\n${member("bad")}` },
      /plugin\.yaml:1 \/weighbridge: the plugin is for weighbridge >=99, and this is 0\.1\.0$/,
    ],
    [
      "a range that is none",
      { keywords, exports },
      { "plugin.yaml": `weighbridge: soon\n${member("bad")}` },
      /\/weighbridge: expected a semver range such as "\^0\.1\.0", found "soon"$/,
    ],
    ["a name that is taken", { keywords, exports }, { "plugin.yaml": member("llama3-8b") }, /^plugin "llama3-8b" is declared twice: /],
  ];
  for (const [what, manifest, files, says] of broken) {
    it(`${what}: refused in one line`, () => {
      const project = scratch.fresh();
      install(project, "bad", manifest, files);
      expect(refusal(project)).to.match(says);
    });
  }
});

describe("code in a package", () => {
  const elsewhere = scratch.folder();
  const project = scratch.folder();
  const marker = join(project, "ran");
  install(
    project,
    "with-code",
    { type: "module", keywords, exports: { ...exports, "./forwards": "./forwards.js" } },
    {
      "plugin.yaml": member("coded"),
      "forwards.js": `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(marker)}, "");\nexport const forwards = {};\n`,
    },
  );
  const model = fixture("tiny-llama3");
  const withoutCode: [string, string[]][] = [
    ["plugins list", ["plugins", "list"]],
    ["a conversion that takes its plugin", ["plan", model, "--to", "nanotron"]],
    ["its plugin by name", ["plan", model, "--to", "nanotron", "--plugin", "coded"]],
    ["its folder", ["plugins", "check", join(project, "node_modules/with-code")]],
  ];
  for (const [what, args] of withoutCode) {
    it(`does not run for ${what}`, async () => {
      const { code, stdout, stderr } = await run(args, { cwd: project });
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
      expect(stdout).to.include("coded");
      expect(existsSync(marker)).to.equal(false);
    });
  }
  it("runs when the package is named", async () => {
    const { code, stderr } = await run(["plan", model, "--to", "nanotron", "--plugin", "with-code"], { cwd: project });
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
    expect(existsSync(marker)).to.equal(true);
  });
  it("throws errors that the command knows, though it took them from the package", async () => {
    const index = import.meta.resolve("../../core/index.js");
    const code = `import { UsageError } from ${JSON.stringify(index)};
export const forwards = { get own() { throw new UsageError("not on a Tuesday", { hint: "wait" }); } };
`;
    install(
      elsewhere,
      "throwing",
      { type: "module", keywords, exports: { ...exports, "./forwards": "./forwards.js" } },
      { "plugin.yaml": member("thrown"), "forwards.js": code },
    );
    const args = ["plan", model, "--to", "nanotron", "--plugin", "throwing"];
    const outcome = await run(args, { cwd: elsewhere });
    expect({ code: outcome.code, stderr: outcome.stderr }).to.deep.equal({ code: 2, stderr: "weighbridge: not on a Tuesday; wait\n" });
  });
  it("that gives no forwards is a mistake in one line", async () => {
    install(
      project,
      "no-code",
      { type: "module", keywords, exports: { ...exports, "./forwards": "./forwards.js" } },
      { "plugin.yaml": member("uncoded").replace("128", "256"), "forwards.js": "export {};\n" },
    );
    const { code, stderr } = await run(["plan", model, "--to", "nanotron", "--plugin", "no-code"], { cwd: project });
    expect(code).to.equal(2);
    expect(stderr).to.match(/^weighbridge: no-code: .*forwards\.js: expected an export called forwards, by family and layout\n$/);
  });
});
