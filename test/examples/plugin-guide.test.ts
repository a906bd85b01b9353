// plugins/README.md, followed word by word: its files are written, its commands run.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-guide-"));
after(() => rmSync(scratch, { recursive: true }));
for (const folder of ["dist", "test"]) symlinkSync(join(root, folder), join(scratch, folder));

const blocks = [...readFileSync(join(root, "plugins/README.md"), "utf8").matchAll(/^```(\w*)\n(.*?)^```/gms)];
const commands = blocks.flatMap(([, language, text = ""]) =>
  language === "" ? text.split("\n").filter((line) => line.startsWith("node ")) : [],
);
const files = blocks.flatMap(([, , text = ""]) => {
  const path = /^# (\S+\/plugin\.yaml)\n/.exec(text)?.[1];
  return path === undefined ? [] : [{ path, text }];
});
for (const { path, text } of files) {
  mkdirSync(dirname(join(scratch, path)));
  writeFileSync(join(scratch, path), text);
}

function run(command: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, command.split(" ").slice(1), { cwd: scratch, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("plugins/README.md", () => {
  it("brings three plugin files", () => {
    expect(files.map(({ path }) => path)).to.deep.equal(["my-model/plugin.yaml", "my-family/plugin.yaml", "bad/plugin.yaml"]);
  });
  for (const command of commands) {
    it(command, () => {
      const { status, stderr } = run(command);
      expect(stderr).to.not.include("warning");
      expect(status).to.equal(0);
    });
  }
  it("shows the last line of a test that passes", () => {
    const { stdout } = run("node dist/core/cli/main.js plugins test ./my-plugin");
    const last = stdout.trimEnd().split("\n").at(-1);
    expect(blocks.map(([, , text]) => text)).to.include(`${last}\n`);
  });
  it("has a row for every key of a case", () => {
    const { properties } = JSON.parse(readFileSync(join(root, "schemas/cases.schema.json"), "utf8"));
    const guide = readFileSync(join(root, "plugins/README.md"), "utf8");
    const keys = [properties.valid, properties.invalid].flatMap((list) => Object.keys(list.items.properties));
    expect(keys.filter((key) => !guide.includes(`\`${key}\``))).to.deep.equal([]);
  });
  it("shows the errors of a bad file as they come", () => {
    const { status, stderr } = run("node dist/core/cli/main.js plugins check bad");
    expect(status).to.equal(1);
    expect(blocks.map(([, , text]) => text)).to.include(stderr);
  });
  it("shows the warning for another theta", () => {
    const path = join(scratch, "my-model/plugin.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace("500000.0", "10000.0"));
    const { stderr } = run("node dist/core/cli/main.js plan test/fixtures/tiny-llama3 --to nanotron --plugin ./my-model");
    expect(blocks.map(([, , text]) => text)).to.include(stderr);
  });
});
