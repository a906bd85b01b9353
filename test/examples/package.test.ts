// examples/04-package: its README's commands, as a user of the package runs them: packed, installed offline, found.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-package-"));
after(() => rmSync(scratch, { recursive: true }));
for (const folder of ["dist", "test", "examples"]) symlinkSync(join(root, folder), join(scratch, folder));

const text = readFileSync(join(root, "examples/04-package/README.md"), "utf8");
const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)];
const commands = blocks.flatMap(([, language, block = ""]) => (language === "" ? block.trimEnd().split("\n") : []));

describe("examples/04-package", () => {
  let cwd = scratch;
  const outputs = new Map<string, string>();
  for (const command of commands) {
    it(command, () => {
      if (command.startsWith("cd ")) {
        cwd = join(cwd, command.slice(3));
        return;
      }
      const { status, stdout, stderr } = spawnSync("bash", ["-c", command], { cwd, encoding: "utf8" });
      outputs.set(command, stdout);
      expect(status, stderr).to.equal(0);
    });
  }
  it("the plugin is listed with its origin, and taken for the model", () => {
    expect(outputs.get("node ../dist/core/cli/main.js plugins list")).to.match(/^pico-llama +weighbridge-plugin-pico-llama@1\.0\.0 /m);
    expect(outputs.get("node ../dist/core/cli/main.js inspect ../test/fixtures/tiny-llama3")).to.include("plugin   pico-llama\n");
  });
});
