// Where a checkpoint must not be written: over something else, over its own source by whatever name, over everything.

import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { FileStore } from "../../core/store/file-store.js";
import type { FileStatus } from "../../core/store/store.js";
import { fixture, readJson, scratchFolder } from "../helpers/folders.js";
import { expectRefusal, expectRefused, type Refusal } from "../helpers/refusal.js";

const scratch = scratchFolder("destination");
const usage = (...says: string[]): Refusal => ({ code: 2, says });
after(scratch.remove);

describe("a destination that cannot be", () => {
  const engine = createEngine();
  const parent = scratch.fresh();
  const at = (name: string) => join(parent, name);
  before(() => {
    mkdirSync(at("full"), { recursive: true });
    writeFileSync(at("full/thesis.tex"), "years of work");
    mkdirSync(at("project"));
    writeFileSync(at("project/config.json"), "{}");
    writeFileSync(at("project/main.c"), "years of work");
    writeFileSync(at("file"), "");
    symlinkSync(scratch.copy("tiny-llama3"), at("link"));
    symlinkSync("link", at("other"));
  });
  const separate = usage("source and destination must be separate folders", "choose another destination");
  const nothing = usage("the destination's name is empty", "name a folder to write");
  const refusals: [string, string, object, Refusal][] = [
    ["that exists", at("full"), {}, usage("full: already exists", "--overwrite")],
    ["that is the source", at("link"), {}, separate],
    ["inside the source", at("link/out"), {}, separate],
    ["around the source", parent, { overwrite: true }, separate],
    ["that is the source by another name", at("other"), { overwrite: true }, separate],
    ["inside the source by another name", at("other/deep/out"), {}, separate],
    ["that is a file", at("file"), { overwrite: true }, usage("file: expected a folder, found a file")],
    ["with an empty name", "", {}, nothing],
    ["with an empty name, to be overwritten", "", { overwrite: true }, nothing],
    ["that is no checkpoint, to be overwritten", at("full"), { overwrite: true }, usage("full: holds no checkpoint", "empty the folder")],
    ["that has a config.json and no weights, to be overwritten", at("project"), { overwrite: true }, usage("project: holds no checkpoint")],
  ];
  const failures: [string, string, Refusal][] = [
    ["under a file", at("file/out"), { code: 1, says: ["file/out: not a directory", "a part of the path is a file"] }],
    ["with a name too long", at("x".repeat(300)), { code: 1, says: ["name too long", "choose a shorter name"] }],
  ];
  for (const [what, to, refusal] of failures) {
    it(what, () => expectRefused(parent, () => engine.convert(at("link"), to, { to: "nanotron" }), refusal).then());
  }
  for (const [what, to, options, refusal] of refusals) {
    it(what, () => expectRefused(parent, () => engine.convert(at("link"), to, { to: "nanotron", ...options }), refusal).then());
  }
  it("is one line of the command, and exit code 2", () =>
    expectRefusal(
      parent,
      ["convert", fixture("tiny-llama3"), "full", "--to", "nanotron", "--overwrite"],
      usage("full: holds no checkpoint"),
    ).then());
  it("with an empty name, of the command: the folder it runs in stays", () =>
    expectRefusal(parent, ["convert", fixture("tiny-llama3"), "", "--to", "nanotron"], nothing).then());
});

describe("a destination that is a mount point", () => {
  /** The file system with another one at a folder. */
  class MountedStore extends FileStore {
    constructor(private readonly at: string) {
      super();
    }
    override async status(path: string): Promise<FileStatus | undefined> {
      const found = await super.status(path);
      return found && (await this.realPath(path)) === this.at ? { ...found, device: found.device + 1 } : found;
    }
  }

  for (const [what, overwrite] of [
    ["empty", false],
    ["holding a checkpoint, to be overwritten", true],
  ] as const)
    it(`${what}: is refused before anything is read`, async () => {
      const [parent, engine] = [scratch.fresh(), createEngine()];
      const disk = join(parent, "disk");
      mkdirSync(disk, { recursive: true });
      if (overwrite) await engine.convert(fixture("tiny-llama3"), disk, { to: "nanotron", verify: "none" });
      const convert = (to: string) =>
        createEngine({ store: new MountedStore(disk) }).convert("/no/such/source", to, { to: "nanotron", overwrite });
      const refusal = usage("is a mount point, which cannot be replaced", "name a folder inside it");
      await expectRefused(parent, () => convert(disk), refusal);
      symlinkSync("disk", join(parent, "link"));
      await expectRefused(parent, () => convert(join(parent, "link")), refusal);
      if (!overwrite) await expectRefused(parent, () => convert(join(disk, "inside")), usage("/no/such/source: no such folder"));
    });
});

describe("a destination behind a link", () => {
  for (const overwrite of [false, true])
    it(`${overwrite ? "holding another checkpoint" : "empty"}: is filled where it is, and the link stays`, async () => {
      const [real, link] = [scratch.fresh(), scratch.fresh()];
      const engine = createEngine();
      if (overwrite) await engine.convert(fixture("tiny-llama3"), real, { to: "nanotron", tp: 2, verify: "none" });
      else mkdirSync(real);
      symlinkSync(real, link);
      await engine.convert(fixture("tiny-llama3"), link, { to: "nanotron", verify: "none", overwrite });
      expect(lstatSync(link).isSymbolicLink()).to.equal(true);
      expect(readJson(real, "checkpoint_metadata.json").tp).to.equal(1);
    });
});

describe("a destination behind a link to nothing", () => {
  it("is made where the link leads", async () => {
    const parent = scratch.fresh();
    mkdirSync(parent);
    symlinkSync("disk/out", join(parent, "out"));
    await createEngine().convert(fixture("tiny-llama3"), join(parent, "out"), { to: "nanotron", verify: "none" });
    expect(readdirSync(parent)).to.deep.equal(["disk", "out"]);
    expect(readJson(join(parent, "disk/out"), "checkpoint_metadata.json").tp).to.equal(1);
  });
});

describe("two conversions at once to one destination", () => {
  it("without --overwrite: one is published, whole, and the other refused", async () => {
    const parent = scratch.fresh();
    const [to, engine] = [join(parent, "out"), createEngine()];
    const convert = (tp: number) => engine.convert(fixture("tiny-llama3"), to, { to: "nanotron", tp, verify: "none" });
    const outcomes = await Promise.allSettled([convert(1), convert(2)]);
    expect(outcomes.map(({ status }) => status).sort()).to.deep.equal(["fulfilled", "rejected"]);
    const { verdict } = await engine.verify(fixture("tiny-llama3"), to, { checks: ["parameters"] });
    expect({ verdict, left: readdirSync(parent) }).to.deep.equal({ verdict: "equal", left: ["out"] });
  });
});
