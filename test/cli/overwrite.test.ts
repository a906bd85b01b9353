// --overwrite replaces only what is complete; --strict stops at warnings; --dry-run writes nothing.

import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { run } from "../helpers/command.js";
import { contents, editJson, fixture, readJson, scratchFolder } from "../helpers/folders.js";
import { expectRefusal, expectRefused, type Refusal } from "../helpers/refusal.js";

const scratch = scratchFolder("overwrite");
const engine = createEngine();
after(scratch.remove);

const source = fixture("tiny-llama3");
const failure = (...says: string[]): Refusal => ({ code: 1, says });

/** A folder of its own that holds `out`, a finished conversion with a file of the user's in it. */
async function finished(): Promise<string> {
  const parent = scratch.fresh();
  await engine.convert(source, join(parent, "out"), { to: "nanotron" });
  writeFileSync(join(parent, "out/notes.txt"), "mine");
  return parent;
}

describe("--overwrite", () => {
  it("replaces all of the old one, and leaves nothing else", async () => {
    const parent = await finished();
    const { code } = await run(["convert", source, "out", "--to", "nanotron", "--tp", "2", "--overwrite"], { cwd: parent });
    const [beside, fresh] = [contents(parent), join(scratch.fresh(), "out")];
    expect(code).to.equal(0);
    await engine.convert(source, fresh, { to: "nanotron", tp: 2, nanotronRoot: join(parent, "out") });
    expect(beside).to.deep.equal(contents(join(fresh, "..")));
  });

  it("leaves the old one byte for byte when the source turns out broken at its end", async () => {
    const [parent, broken] = [await finished(), scratch.copy("tiny-llama3")];
    truncateSync(join(broken, "tokenizer.json"), 10);
    truncateSync(join(broken, "model-00003-of-00003.safetensors"), 1000);
    await expectRefusal(
      parent,
      ["convert", broken, "out", "--to", "nanotron", "--overwrite"],
      failure("model-00003-of-00003", "truncated"),
    );
  });

  it("leaves the old one byte for byte when a value does not fit, deep in the weights", async () => {
    const [parent, wide] = [await finished(), scratch.copy("tiny-llama3")];
    const last = join(wide, "model-00003-of-00003.safetensors");
    const bytes = readFileSync(last);
    bytes.writeUInt16LE(0x7e97, bytes.length - 2); // 1e38 in BF16
    writeFileSync(last, bytes);
    const says = failure("does not fit F16", "1.0035", "lm_head.weight", "keep the dtype or choose a wider one");
    const convert = () => engine.convert(wide, join(parent, "out"), { to: "nanotron", dtype: "F16", overwrite: true });
    await expectRefused(parent, convert, says);
  });

  for (const [to, state] of [
    ["nanotron", ["optimizer", "lr_scheduler", "random"]],
    ["huggingface", ["optimizer.pt", "trainer_state.json"]],
  ] as const)
    it(`leaves ${state.join(", ")} of a training run, and says what they are`, async () => {
      const parent = scratch.fresh();
      await engine.convert(source, join(parent, "out"), { to, verify: "none" });
      for (const name of state) {
        if (name.includes(".")) writeFileSync(join(parent, "out", name), "days of work");
        else mkdirSync(join(parent, "out", name));
      }
      await expectRefusal(parent, ["convert", source, "out", "--to", "nanotron", "--overwrite"], {
        code: 2,
        says: [`out: holds a training run's state, which --overwrite does not replace: ${state.join(", ")}`, "choose another destination"],
      });
    });

  it("fills an empty folder without being asked to", async () => {
    const folder = scratch.fresh();
    mkdirSync(folder);
    expect(await engine.convert(source, folder, { to: "nanotron" })).to.include({ written: true });
  });
});

describe("--strict", () => {
  const warnings: [string, (folder: string) => void, string][] = [
    ["a stray file", (folder) => writeFileSync(join(folder, "notes.txt"), ""), "stay behind: notes.txt"],
    ["a stale shard", (folder) => writeFileSync(join(folder, "old.safetensors"), ""), "old.safetensors"],
    [
      "an index with a wrong total",
      (folder) => editJson(folder, "model.safetensors.index.json", { metadata: { total_size: 1 } }),
      "says 1 bytes of tensors, the files hold",
    ],
    ["two styles that disagree", (folder) => editJson(folder, "config.json", { rope_theta: 10000 }), "rope_theta"],
  ];
  for (const [what, damage, says] of warnings) {
    it(`${what}: a warning, and with --strict an error`, async () => {
      const folder = scratch.copy("tiny-llama3");
      damage(folder);
      const heard: string[] = [];
      const reporter = { progress: () => undefined, warning: (line: string) => heard.push(line) };
      const options = { to: "nanotron", dryRun: true } as const;
      const { warnings: listed } = await createEngine({ reporter }).convert(folder, scratch.fresh(), options);
      expect(listed).to.deep.equal(heard).and.have.length(1);
      expect(heard[0]).to.include(says);
      const strict = () => engine.convert(folder, join(folder, "../strict"), { ...options, dryRun: false, strict: true });
      await expectRefused(folder, strict, failure(says, "without --strict this is a warning"));
    });
  }

  it("is one line of the command, and a warning without it", async () => {
    const folder = scratch.copy("tiny-llama3");
    writeFileSync(join(folder, "notes.txt"), "");
    const parent = scratch.fresh();
    mkdirSync(parent);
    await expectRefusal(parent, ["convert", folder, "out", "--to", "nanotron", "--strict"], failure("notes.txt", "without --strict"));
    const lax = await run(["convert", folder, "out", "--to", "nanotron", "--quiet"], { cwd: parent });
    expect(lax.stderr).to.match(/^weighbridge: warning: [^\n]*notes\.txt\n$/);
    expect(readJson(join(parent, "out"), "weighbridge.receipt.json").warnings).to.have.length(1);
  });
});

describe("--dry-run", () => {
  it("ends when it is cancelled", async () => {
    const parent = await finished();
    const dryRun = () => engine.convert(source, join(parent, "new"), { to: "nanotron", dryRun: true, signal: AbortSignal.abort() });
    expect((await expectRefused(parent, dryRun, failure("cancelled"))).code).to.equal("CANCELLED");
  });

  it("says what would be written, and writes nothing", async () => {
    const parent = await finished();
    const before = contents(parent);
    const outcome = await run(["convert", source, "a/new", "--to", "nanotron", "--tp", "4", "--dry-run"], { cwd: parent });
    expect(outcome.code).to.equal(0);
    expect(outcome.stdout).to.match(/^would write a\/new\n {2}nanotron TP 4 PP 1, plugin llama, 81 weight files, /);
    expect(outcome.stderr).to.equal("");
    expect(contents(parent)).to.deep.equal(before);
  });
});
