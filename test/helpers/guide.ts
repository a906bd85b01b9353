// A page of the documentation, followed as a newcomer follows it: in a folder like a fresh clone, block after block, by copy and paste.
// A block that begins with a file's name in a comment is that file; one of commands is run; any other without a language is what the
// last command prints.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { scratchFolder } from "./folders.js";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");

type Step =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "command"; readonly line: string; readonly mayFail: boolean }
  | { readonly kind: "output"; readonly text: string };

const COMMAND = /^(node|npm|npx|mkdir|cd|sed) /;

/** @param page - a README's path in the repository */
export function stepsOf(page: string): Step[] {
  const blocks = [...readFileSync(join(root, page), "utf8").matchAll(/^```(\w*)\n(.*?)^```/gms)];
  return blocks.flatMap(([, language = "", text = ""], at): Step[] => {
    const path = /^(?:#|\/\/) (\S+\.(?:yaml|js|mjs))\n/.exec(text)?.[1];
    if (path !== undefined) return [{ kind: "file", path, text }];
    if (language !== "") return [];
    if (!COMMAND.test(text)) return [{ kind: "output", text }];
    const next = blocks[at + 1]?.[2] ?? "";
    const mayFail = /^(weighbridge: (?!warning: )|[A-Z_]+: )/.test(next);
    return text
      .trimEnd()
      .split("\n")
      .map((line) => ({ kind: "command", line: line.replace(/ +#.*$/, ""), mayFail }));
  });
}

export interface GuideOptions {
  /** Commands that another test runs, or that need more than this machine. */
  readonly elsewhere?: readonly string[];
}

/** Declare a test for each step of a page. They depend on each other, as they do for who follows them. */
export function followGuide(page: string, { elsewhere = [] }: GuideOptions = {}): void {
  describe(page, () => {
    const scratch = scratchFolder("guide");
    after(scratch.remove);
    const clone = join(scratch.folder(), "weighbridge");
    mkdirSync(clone);
    for (const name of ["dist", "node_modules", "test", "examples", "plugins", "schemas", "package.json"]) {
      symlinkSync(join(root, name), join(clone, name));
    }
    let cwd = clone;
    let printed = "";
    for (const step of stepsOf(page)) {
      if (step.kind === "file") it(`the file ${step.path}`, () => writeFileSync(join(cwd, step.path), step.text));
      else if (step.kind === "output") {
        it(`prints ${step.text.split("\n")[0]}`, () => expect(printed).to.include(step.text));
      } else if (!elsewhere.includes(step.line)) {
        it(step.line, () => {
          if (step.line.startsWith("cd ")) cwd = join(cwd, step.line.slice(3));
          else printed = run(step.line, step.mayFail);
        });
      }
    }

    function run(line: string, mayFail: boolean): string {
      const { status, stdout, stderr } = spawnSync("bash", ["-c", line], { cwd, encoding: "utf8" });
      expect(status, stderr).to.equal(mayFail ? 1 : 0);
      return stdout + stderr;
    }
  });
}
