// verify --report, and the tables of best tokens, on the command line.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { run } from "../helpers/command.js";
import { editJson, fixture, scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("report-cli");
after(scratch.remove);
const source = fixture("tiny-llama3");
const prompt = ["--prompt", "In the beginning"];

describe("verify --report", () => {
  const folder = scratch.fresh();
  before(() => mkdirSync(folder));
  const verify = (report: string, b = fixture("golden/nanotron-tp2")) => run(["verify", source, b, ...prompt, "--report", report]);
  const textOf = (path: string) => readFileSync(path, "utf8");

  it("writes one file, prints what it prints without, and leaves nothing beside it", async () => {
    const report = join(folder, "out.html");
    const { code, stdout, stderr } = await verify(report);
    expect({ code, stderr, stdout }).to.deep.equal({
      code: 0,
      stderr: "",
      stdout: (await run(["verify", source, fixture("golden/nanotron-tp2"), ...prompt])).stdout,
    });
    expect(textOf(report))
      .to.match(/^<!doctype html>/)
      .and.include("<h1>Equal</h1>");
    expect(readdirSync(folder)).to.deep.equal(["out.html"]);
  });

  it("of two that differ: a report, and exit code 1; an earlier report is replaced", async () => {
    const faulty = scratch.copy("golden/nanotron-tp2");
    editJson(faulty, "model_config.json", { rms_norm_eps: 0.01 });
    const report = join(folder, "out.html");
    expect(await verify(report, faulty)).to.include({ code: 1, stderr: "" });
    expect(textOf(report)).to.include("<h1>Different</h1>").and.include("rms_norm_eps");
    expect(readdirSync(folder)).to.deep.equal(["out.html"]);
  });

  it("makes the folders that it needs", async () => {
    const report = join(scratch.fresh(), "new/out.html");
    expect((await verify(report)).code).to.equal(0);
    expect(existsSync(report)).to.equal(true);
  });

  const refusals = [
    {
      what: "a folder",
      make: (path: string) => mkdirSync(path),
      asked: "taken.html",
      code: 2,
      says: "expected a file for the report, found a folder; name a file in it",
    },
    {
      what: "a file that is no report",
      make: (path: string) => writeFileSync(path, "mine"),
      asked: "taken.html",
      code: 2,
      says: "expected nothing or an earlier report, found another file; remove it or choose another name",
    },
    {
      what: "a path through a file",
      make: (path: string) => writeFileSync(path, "mine"),
      asked: "taken.html/out.html",
      code: 1,
      says: "a part of the path is a file, not a folder",
    },
  ];
  for (const { what, make, asked, code, says } of refusals) {
    it(`${what}: one line before any work is done, and it is left as it was`, async () => {
      const at = scratch.fresh();
      mkdirSync(at);
      make(join(at, "taken.html"));
      const outcome = await verify(join(at, asked));
      expect({ code: outcome.code, stdout: outcome.stdout }).to.deep.equal({ code, stdout: "" });
      expect(outcome.stderr)
        .to.match(/^weighbridge: .*\n$/)
        .and.include(says);
      expect(readdirSync(at)).to.deep.equal(["taken.html"]);
      if (what !== "a folder") expect(textOf(join(at, "taken.html"))).to.equal("mine");
    });
  }

  it("a verification that fails leaves no report, and an earlier one as it was", async () => {
    const report = join(folder, "kept.html");
    await verify(report);
    const before = textOf(report);
    const outcome = await verify(report, scratch.fresh());
    expect(outcome.code).to.equal(2);
    expect(textOf(report)).to.equal(before);
    expect(readdirSync(folder).sort()).to.deep.equal(["kept.html", "out.html"]);
  });
});

describe("verify --positions", () => {
  it("prints both models' best tokens side by side, and marks the ranks that differ", async () => {
    const faulty = scratch.copy("tiny-llama3");
    editJson(faulty, "config.json", { rms_norm_eps: 0.5 });
    const { stdout } = await run(["verify", source, faulty, "--prompt", "In the beginning God created", "--positions", "3", "--top", "2"]);
    const [, table = ""] = stdout.split("\n\n");
    const lines = table.trimEnd().split("\n");
    expect(lines[0]).to.match(/^position 3, then "/);
    expect(lines.slice(1).map((line) => line.replace(/0\.\d{6}/g, "P").replace(/ +/g, " "))).to.have.length(3);
    const each = async (path: string) =>
      JSON.parse(
        (await run(["predict", path, "--prompt", "In the beginning God created", "--positions", "3", "--top", "2", "--json"])).stdout,
      ).positions[3];
    const [a, b] = [await each(source), await each(faulty)];
    for (const at of [0, 1]) {
      const line = lines[2 + at] ?? "";
      expect(line).to.include(a[at].probability.toFixed(6)).and.include(b[at].probability.toFixed(6));
      expect(line.includes("≠")).to.equal(a[at].token !== b[at].token);
    }
  });

  it("a pipe that did not ask for them gets none", async () => {
    const { stdout } = await run(["verify", source, source, ...prompt]);
    expect(stdout).to.not.include("position");
  });

  it("a position beyond the predictions is refused", async () => {
    const { code, stderr } = await run(["verify", source, source, ...prompt, "--positions", "99"]);
    expect(code).to.equal(2);
    expect(stderr).to.match(/^weighbridge: position 99: expected one of the predictions, 0 to \d+\n$/);
  });
});
