// The command in a pipe and under a hand on Ctrl-C.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { type Outcome, type Running, run, runShell, start } from "../helpers/command.js";
import { contents, fixture, readJson, scratchFolder } from "../helpers/folders.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const scratch = scratchFolder("terminal");
after(scratch.remove);
const source = fixture("tiny-llama3");

describe("in a pipe", () => {
  const outputs = [`inspect ${source}`, `plan ${source} --to nanotron --tp 2 --json`, "plugins show llama --json"];
  for (const line of outputs) {
    it(`${line.split(" ")[0]} | head -1 is no failure`, async () => {
      const outcome = await runShell(`$W ${line} | head -1`);
      expect({ code: outcome.code, stderr: outcome.stderr }).to.deep.equal({ code: 0, stderr: "" });
      expect(outcome.stdout.split("\n")).to.have.length(2);
    });
  }

  it("a conversion whose warnings and progress nobody reads any more goes on", async () => {
    const [stray, out] = [scratch.copy("tiny-llama3"), scratch.fresh()];
    writeFileSync(join(stray, "notes.txt"), "");
    // The reader of stderr is gone before the warning about notes.txt.
    const line = `{ sleep 0.1; $W convert ${stray} ${out} --to nanotron; } 2> >(exec true)`;
    const outcome = await runShell(line);
    expect(outcome.code).to.equal(0);
    expect(outcome.stdout).to.include(`wrote ${out}`);
    expect(readJson(out, "weighbridge.receipt.json").warnings.join()).to.include("notes.txt");
  });

  it("the result alone is on stdout, for people", async () => {
    const out = scratch.fresh();
    const { code, stdout, stderr } = await run(["convert", source, out, "--to", "nanotron"]);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
    expect(stdout.split("\n").map((line) => line.split(" ").slice(0, 3).join(" "))).to.deep.equal([
      `wrote ${out}`,
      "  nanotron",
      "  plan",
      "",
    ]);
  });
});

describe("on a terminal", () => {
  /** util-linux's `script` gives a command a terminal; other systems' take other options. */
  const hasTerminal = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true;

  it("verify shows its progress and, unasked, what both predict at three positions", async function () {
    if (!hasTerminal) this.skip();
    const verify = `$W verify ${source} ${fixture("golden/nanotron-tp2")} --executor cpu`;
    const { code, stdout } = await runShell(`script -qec "${verify}" /dev/null`);
    expect(code).to.equal(0);
    expect(stdout).to.match(/comparing .*100%/);
    const lines = stdout.split("\r\n");
    expect(lines.filter((line) => line.startsWith("position "))).to.have.length(3);
    const rows = [...stdout.matchAll(/^ +\d+ {4}0\.\d+ +(\d+ ".*?") +0\.\d+ +(\d+ ".*")\r$/gm)];
    expect(rows).to.have.length(3 * 10);
    for (const [row, ours, theirs] of rows) expect(theirs, row).to.equal(ours);
  });

  it("in a pipe there is neither", async () => {
    const { stdout, stderr } = await run(["verify", source, fixture("golden/nanotron-tp2"), "--executor", "cpu"]);
    expect(stderr).to.equal("");
    expect(stdout).to.not.include("position ");
  });
});

describe("stopped by hand", () => {
  const model = scratch.fresh();
  before(() => {
    // About 1.2 GB of zeros, in sparse files: seconds of work.
    writeSparseModel(model, { hidden: 2048, ffn: 8192, layers: 8, heads: 16, kvHeads: 4, vocab: 8192 });
  });

  const convert = (parent: string, ...options: string[]): Running =>
    start(["convert", model, "out", "--to", "nanotron", "--tp", "2", ...options], { cwd: parent });

  /** Signals as soon as a file of weights is there. */
  async function stopOnceWriting({ child, outcome }: Running, parent: string, signal: NodeJS.Signals): Promise<Outcome> {
    const isWriting = () => readdirSync(parent).some((name) => name.includes("weighbridge-partial"));
    while (!isWriting() && child.exitCode === null) await sleep(5);
    expect(isWriting(), "it was caught in the act").to.equal(true);
    child.kill(signal);
    return outcome;
  }

  const cancelled = { code: 1, stderr: "weighbridge: cancelled; nothing was published\n" };

  it("by Ctrl-C: one line, exit code 1, nothing left", async () => {
    const parent = scratch.fresh();
    mkdirSync(parent);
    expect(await stopOnceWriting(convert(parent), parent, "SIGINT")).to.deep.equal({ ...cancelled, stdout: "" });
    expect(contents(parent)).to.deep.equal({});
  });

  it("by SIGTERM, replacing another: the old one is whole", async () => {
    const parent = scratch.fresh();
    cpSync(fixture("golden/nanotron-tp1"), join(parent, "out"), { recursive: true });
    const before = contents(parent);
    expect(await stopOnceWriting(convert(parent, "--overwrite", "--quiet"), parent, "SIGTERM")).to.deep.equal({ ...cancelled, stdout: "" });
    expect(contents(parent)).to.deep.equal(before);
  });

  it("with --json: the document says so", async () => {
    const parent = scratch.fresh();
    mkdirSync(parent);
    const { stdout, ...rest } = await stopOnceWriting(convert(parent, "--json"), parent, "SIGINT");
    expect(rest).to.deep.equal(cancelled);
    expect(JSON.parse(stdout)).to.deep.equal({ error: { code: "CANCELLED", message: "cancelled; nothing was published" } });
    expect(contents(parent)).to.deep.equal({});
  });
});
