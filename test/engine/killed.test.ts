// A conversion that is killed at any point: the destination is as it was or complete, and the same conversion ends byte-identical.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { type ConvertOptions, createEngine, UsageError } from "../../core/index.js";
import { contents, fixture, scratchFolder } from "../helpers/folders.js";
import { seed, uniform } from "../helpers/random.js";

const scratch = scratchFolder("killed");
after(scratch.remove);
const engine = createEngine();
const driver = fileURLToPath(import.meta.resolve("../helpers/dying-convert.js"));

function dying(source: string, destination: string, options: ConvertOptions, n: number, when: "before" | "after") {
  const args = [driver, source, destination, JSON.stringify({ ...options, verify: "none" }), String(n), when];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { signal, stdout, stderr };
}

const CASES: readonly { readonly name: string; readonly from: string; readonly options: ConvertOptions; readonly points: number }[] = [
  { name: "to Nanotron TP 2", from: "tiny-llama3", options: { to: "nanotron", tp: 2 }, points: 34 },
  { name: "to interleaved RoPE", from: "tiny-llama3", options: { to: "nanotron", ropeInterleaved: true }, points: 33 },
  { name: "back from TP 2", from: "golden/nanotron-tp2", options: { to: "huggingface", maxShardBytes: 500_000 }, points: 33 },
];

describe(`killed with SIGKILL (WEIGHBRIDGE_SEED=${seed})`, () => {
  const next = uniform(seed);
  for (const { name, from, options, points } of CASES) {
    it(`${name}: continues from ${points} seeded points to the same bytes`, async function () {
      this.timeout(300_000);
      const folder = scratch.fresh();
      const destination = join(folder, "out");
      mkdirSync(folder);
      const whole = dying(fixture(from), destination, options, -1, "before");
      expect(whole.stderr).to.equal("");
      const expected = contents(folder);
      const total = Number(whole.stdout);
      let resumed = 0;
      for (let point = 0; point < points; point++) {
        scratch.empty(folder);
        const [n, when] = [Math.floor(next() * total), next() < 0.5 ? "before" : "after"] as const;
        const where = `change ${n} of ${total}, ${when} it`;
        expect(dying(fixture(from), destination, options, n, when).signal, where).to.equal("SIGKILL");
        if (existsSync(destination)) expect(contents(destination), where).to.deep.equal(contentsBelow(expected, "out"));
        const bytes: number[] = [];
        const onProgress = (progress: { readonly bytes: number }) => bytes.push(progress.bytes);
        if (!existsSync(destination)) {
          await engine.convert(fixture(from), destination, { ...options, verify: "none", onProgress });
          expect(contents(folder), where).to.deep.equal(expected);
        }
        if (bytes.length === 0 || (bytes[0] ?? 0) > 600_000) resumed++;
      }
      expect(resumed, "conversions that had something to continue from").to.be.greaterThan(points / 4);
    });
  }
});

const contentsBelow = (all: Record<string, string>, folder: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(all)
      .filter(([path]) => path.startsWith(`${folder}/`) && path !== `${folder}/`)
      .map(([path, digest]) => [path.slice(folder.length + 1), digest]),
  );

describe("what a killed conversion left", () => {
  const options = { to: "nanotron", tp: 2 } as const;
  let folder: string;
  let destination: string;
  const interrupt = (source: string) => {
    folder = scratch.fresh();
    mkdirSync(folder);
    destination = join(folder, "out");
    expect(dying(source, destination, options, 200, "after").signal).to.equal("SIGKILL");
    expect(readdirSync(folder).sort()).to.deep.equal(["out.weighbridge-journal", "out.weighbridge-lock", "out.weighbridge-partial"]);
  };
  const heard: string[] = [];
  const listening = createEngine({ reporter: { progress: () => undefined, warning: (line) => heard.push(line) } });

  it("is named when the destination is looked for", async () => {
    interrupt(fixture("tiny-llama3"));
    const error = await engine.inspect(destination).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.include("was interrupted: the same command continues it; remove");
  });

  it("is not continued with other options, and is removed with a word", async () => {
    interrupt(fixture("tiny-llama3"));
    await listening.convert(fixture("tiny-llama3"), destination, { ...options, tp: 4, verify: "parameters" });
    expect(heard.splice(0)).to.deep.equal([
      `${destination}.weighbridge-partial: an interrupted conversion from another source or with other options is removed`,
    ]);
    expect(readdirSync(folder)).to.deep.equal(["out"]);
  });

  it("is not continued from a source that was written since", async () => {
    const source = scratch.copy("tiny-llama3");
    interrupt(source);
    const shard = join(source, "model-00001-of-00003.safetensors");
    cpSync(shard, `${shard}.new`);
    cpSync(`${shard}.new`, shard);
    await listening.convert(source, destination, { ...options, verify: "parameters" });
    expect(heard.splice(0).filter((line) => line.includes("an interrupted conversion"))).to.have.length(1);
  });

  it("is put back when it was killed between moving the old one aside and the new one in", async () => {
    folder = scratch.fresh();
    mkdirSync(folder);
    destination = join(folder, "out");
    const aside = `${destination}.weighbridge-old`;
    cpSync(fixture("golden/nanotron-tp1"), aside, { recursive: true });
    const before = contents(aside);
    const error = await listening.convert(fixture("tiny-llama3"), destination, options).catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.include("already exists");
    expect(contents(destination)).to.deep.equal(before);
    expect(heard.splice(0)).to.deep.equal([`${destination}: put back what an interrupted conversion had set aside`]);
    expect(readdirSync(folder)).to.deep.equal(["out"]);
  });
});

describe("a destination that another conversion writes", () => {
  const destination = join(scratch.fresh(), "out");
  const lock = `${destination}.weighbridge-lock`;
  const hold = (pid: number, host: string) => {
    mkdirSync(dirname(destination), { recursive: true });
    writeFileSync(lock, JSON.stringify({ pid, host, since: "2026-01-01T00:00:00.000Z" }));
  };
  const convert = () => engine.convert(fixture("tiny-llama3"), destination, { to: "nanotron", verify: "none" });

  it("is refused, with who holds it", async () => {
    hold(process.pid, hostname());
    const error = await convert().catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.equal(
      `${destination}: process ${process.pid} on ${hostname()} has been writing it since 2026-01-01T00:00:00.000Z; wait for it, or remove ${lock} if it is gone`,
    );
    expect(readdirSync(dirname(destination))).to.deep.equal([basename(lock)]);
  });
  it("is refused when the other is on a host that cannot be asked", async () => {
    hold(1, "elsewhere.invalid");
    expect((await convert().catch((thrown: Error) => thrown)) as Error).to.be.instanceOf(UsageError);
  });
  it("is taken over from a process that is gone", async () => {
    const { pid = 0 } = spawnSync(process.execPath, ["-e", ""]);
    hold(pid, hostname());
    await convert();
    expect(readdirSync(dirname(destination))).to.deep.equal(["out"]);
  });
});
