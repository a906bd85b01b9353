// Threads do what one thread does: the same bytes, the same findings, the same errors; and a kill at any moment loses nothing.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { type ConvertOptions, createEngine, WeighbridgeError } from "../../core/index.js";
import { Crew } from "../../core/lanes/crew.js";
import { LaneThread } from "../../core/lanes/lane-thread.js";
import { type Lane, lanesOf } from "../../core/lanes/lanes.js";
import { FileStore } from "../../core/store/file-store.js";
import { commandPath, run, runShell } from "../helpers/command.js";
import { contents, fixture, scratchFolder } from "../helpers/folders.js";
import { seed, uniform } from "../helpers/random.js";
import { writeRandomLlama } from "../helpers/random-llama.js";

const scratch = scratchFolder("threads");
after(scratch.remove);
const engine = createEngine();
const thrownBy = (promise: Promise<unknown>): Promise<WeighbridgeError> =>
  promise.then(
    () => expect.fail("expected an error"),
    (error) => error,
  );

describe("threads", () => {
  const cases: [string, ConvertOptions][] = [
    ["tiny-llama3", { to: "nanotron", tp: 2, ropeInterleaved: true }],
    ["tiny-llama3", { to: "nanotron", tp: 4, pp: 2, dtype: "F32" }],
    ["golden/nanotron-tp2", { to: "huggingface", maxShardBytes: 500_000 }],
    ["golden/tied-nanotron", { to: "huggingface" }],
  ];
  for (const [source, options] of cases) {
    it(`write what one thread writes: ${source}, ${JSON.stringify(options)}`, async () => {
      const written = [];
      for (const threads of [1, 3]) {
        const folder = scratch.fresh();
        mkdirSync(folder);
        await engine.convert(fixture(source), join(folder, "out"), { ...options, threads, nanotronRoot: "/somewhere", verify: "none" });
        written.push(contents(folder));
      }
      expect(written[1]).to.deep.equal(written[0]);
      expect(Object.keys(written[0] ?? {}).length).to.be.greaterThan(3);
    });
  }

  it("find every changed tensor, and count what was compared", async () => {
    const changed = scratch.copy("golden/nanotron-tp2");
    const files = readdirSync(changed, { recursive: true, encoding: "utf8" }).filter((name) =>
      /o_proj.*tp-rank-1.*safetensors$/.test(name),
    );
    for (const name of files) {
      const path = join(changed, name);
      const at = readFileSync(path).byteLength - 1;
      writeSync(openSync(path, "r+"), Buffer.from([(readFileSync(path)[at] ?? 0) ^ 1]), 0, 1, at);
    }
    const bytes: number[] = [];
    const report = await engine.verify(fixture("tiny-llama3"), changed, {
      checks: ["parameters"],
      threads: 3,
      onProgress: (progress) => bytes.push(progress.bytes),
    });
    expect(report.parameters?.different).to.deep.equal([0, 1, 2, 3].map((layer) => `model.layers.${layer}.self_attn.o_proj.weight`));
    expect(report.parameters?.equal).to.have.length(35);
    expect(bytes.at(-1))
      .to.equal(Math.max(...bytes))
      .and.to.be.greaterThan(1_900_000);
  });

  it("count every byte they write", async () => {
    const bytes: number[] = [];
    const onProgress = (progress: { readonly bytes: number; readonly totalBytes: number }) =>
      bytes.push(progress.bytes, progress.totalBytes);
    await engine.convert(fixture("tiny-llama3"), scratch.fresh(), { to: "nanotron", threads: 3, verify: "none", onProgress });
    expect(bytes.at(-2)).to.equal(bytes.at(-1));
  });

  it("tell rounded values from equal ones", async () => {
    const [wide, narrow] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(fixture("tiny-llama3"), wide, { to: "nanotron", dtype: "F32", threads: 2, verify: "none" });
    await engine.convert(wide, narrow, { to: "huggingface", dtype: "F16", threads: 2, verify: "none" });
    const checks = ["parameters"] as const;
    const widened = await engine.verify(fixture("tiny-llama3"), wide, { checks, threads: 2 });
    expect(widened.parameters?.otherDtype).to.have.length(39);
    const rounded = await engine.verify(wide, narrow, { checks, threads: 2 });
    expect([rounded.parameters?.different, rounded.parameters?.equal]).to.deep.equal([[], []]);
    expect(rounded).to.deep.equal(await engine.verify(wide, narrow, { checks, threads: 1 }));
  });

  it("say what one thread says when something is wrong", async () => {
    const model = { hidden: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 128, vocab: 96, layers: 2, tied: false };
    const huge = scratch.fresh();
    await writeRandomLlama(new FileStore(), huge, model, "F32", 1); // random bits: values beyond F16 are among them
    const said = [];
    for (const threads of [1, 2]) {
      const destination = scratch.fresh();
      const error = await thrownBy(engine.convert(huge, destination, { to: "nanotron", dtype: "F16", threads, verify: "none" }));
      expect(error).to.be.instanceOf(WeighbridgeError);
      said.push([error.code, error.message.replace(/^\S+: \S+/, "TENSOR: VALUE"), error.hint]);
    }
    expect(said[1]).to.deep.equal(said[0]);
    expect(said[0]?.[0]).to.equal("UNSUPPORTED");
  });

  it("name the file that ends before its time, or is gone", async () => {
    const lane: Lane = {
      members: [{ source: { file: 0, byteOffset: 0 }, target: { file: 0, byteOffset: 0 }, byteLength: 4096, loops: [] }],
      byteLength: 4096,
    };
    const short = join(scratch.copy("tiny-llama3"), "model-00001-of-00003.safetensors");
    truncateSync(short, 100);
    for (const [path, words] of [
      [short, `${short}: expected 4096 bytes, found 100; the file became shorter while it was read`],
      [`${short}.gone`, `cannot open ${short}.gone: no such file or directory; check the path; something may have removed it meanwhile`],
    ] as const) {
      const crew = new Crew(new FileStore(), { threads: 2 });
      const lanes = [{ lane, where: "" }];
      const job = { kind: "compare", sources: [path], targets: [path] } as const;
      const next = () => lanes.pop();
      const error = await thrownBy(crew.work({ job, totalBytes: 4096, next, around: async (_, work) => void (await work()) }));
      await crew.close();
      expect([error.code, error.message]).to.deep.equal(["STORAGE", words]);
      if (path !== short) expect((error.cause as NodeJS.ErrnoException).code).to.equal("ENOENT");
    }
  });

  it("are as many as can be", async () => {
    for (const threads of [0, 1.5, 65, "2"] as number[]) {
      const words = `threads ${JSON.stringify(threads)}: expected a whole number from 1 to 64`;
      const converted = thrownBy(engine.convert(fixture("tiny-llama3"), scratch.fresh(), { to: "nanotron", threads }));
      expect((await converted).message).to.equal(words);
      const verified = thrownBy(engine.verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), { threads }));
      expect((await verified).message).to.equal(words);
    }
  });

  it("that end before their work say so, to the lane under way and to all after it", async () => {
    const path = join(scratch.fresh(), "bytes");
    mkdirSync(join(path, ".."));
    writeFileSync(path, "");
    truncateSync(path, 16 * 1024 * 1024);
    const [lane] = lanesOf([
      { source: { file: 0, byteOffset: 0 }, target: { file: 0, byteOffset: 0 }, byteLength: 16 * 1024 * 1024, loops: [] },
    ]) as [Lane];
    const thread = new LaneThread(new Int32Array(new SharedArrayBuffer(4)));
    const worker = thread.begin({ kind: "compare", sources: [path], targets: [path] });
    const words = "a thread that reads and writes failed: it ended before its work; give --threads 1 to do without";
    const pending = thrownBy(worker.work(lane, "a tensor"));
    await thread.end();
    for (const error of [await pending, await thrownBy(worker.work(lane, "a tensor"))])
      expect([error.code, error.message]).to.deep.equal(["STORAGE", words]);
  });

  it("that cannot start are done without, in copying, comparing and predicting", async () => {
    // Node's permission model is a system that allows no threads.
    const flag = ["--permission", "--experimental-permission"].find((name) => process.allowedNodeEnvironmentFlags.has(name));
    const args = [flag ?? "", "--allow-fs-read=*", "--allow-fs-write=*", "--no-warnings", commandPath];
    const destination = scratch.fresh();
    const convert = [
      "convert",
      fixture("tiny-llama3"),
      destination,
      "--to",
      "nanotron",
      "--tp",
      "2",
      "--threads",
      "2",
      "--verify",
      "predictions",
    ];
    const { status, stderr, stdout } = spawnSync(process.execPath, [...args, ...convert, "--quiet"], { encoding: "utf8" });
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(stdout).to.include("both frameworks' predictions");
  });

  it("and the lanes of 64 ranks open no more than 256 files", async () => {
    const wide = { hidden: 512, heads: 64, kvHeads: 64, headDim: 8, ffn: 1024, vocab: 1024, layers: 4, tied: false };
    const [source, there, back] = [scratch.fresh(), scratch.fresh(), scratch.fresh()];
    await writeRandomLlama(new FileStore(), source, wide, "BF16", 7);
    for (const threads of ["", "--threads 1", "--threads 8"]) {
      const line = `ulimit -n 256; rm -rf ${there} ${back}
        $W convert ${source} ${there} --to nanotron --tp 64 --rope-interleaved --verify parameters --quiet ${threads} &&
        $W convert ${there} ${back} --to huggingface --verify parameters --hash --quiet ${threads} &&
        $W verify ${source} ${there} --checks parameters --quiet ${threads} && $W inspect ${there}`;
      const { code, stderr } = await runShell(line);
      expect([code, stderr], threads).to.deep.equal([0, ""]);
    }
    expect(contents(back)["model.safetensors"]).to.equal(contents(source)["model.safetensors"]);
  });

  it("end when they are told to, and publish nothing", async () => {
    const folder = scratch.fresh();
    mkdirSync(folder);
    const abort = new AbortController();
    const destination = join(folder, "out");
    const onProgress = () => abort.abort();
    const error = await thrownBy(
      engine.convert(fixture("tiny-llama3"), destination, { to: "nanotron", threads: 2, signal: abort.signal, onProgress }),
    );
    expect(error.code).to.equal("CANCELLED");
    expect(readdirSync(folder)).to.deep.equal([]);
  });
});

describe(`threads, killed with SIGKILL at any moment (WEIGHBRIDGE_SEED=${seed})`, () => {
  const model = { hidden: 512, heads: 8, kvHeads: 4, headDim: 64, ffn: 2048, vocab: 8192, layers: 8, tied: false };
  const source = scratch.fresh();
  before(() => writeRandomLlama(new FileStore(), source, model, "BF16", 7).then(() => undefined));

  it("continue to the same bytes", async function () {
    this.timeout(300_000);
    const next = uniform(seed);
    const folder = scratch.fresh();
    mkdirSync(folder);
    const destination = join(folder, "out");
    const args = ["convert", source, destination, "--to", "nanotron", "--tp", "2", "--rope-interleaved", "--threads", "2"];
    args.push("--verify", "none", "--quiet");
    const start = performance.now();
    const whole = await run(args);
    const duration = performance.now() - start;
    expect([whole.code, whole.stderr]).to.deep.equal([0, ""]);
    const expected = contents(folder);
    const published = contents(destination);
    for (let round = 0; round <= 12; round++) {
      scratch.empty(folder);
      const child = spawn(process.execPath, [commandPath, ...args], { stdio: "ignore" });
      const ended = once(child, "exit");
      if (round < 12) await sleep(duration * (0.3 + 0.6 * next()));
      else while (!existsSync(destination)); // as soon as the output is in its place
      child.kill("SIGKILL");
      await ended;
      // The journal and the lock go last. Whoever overwrites the output then removes them.
      const isThere = existsSync(destination);
      if (isThere) expect(contents(destination), `round ${round}, in its place`).to.deep.equal(published);
      const again = await run(isThere ? [...args, "--overwrite"] : args);
      expect([again.code, again.stderr], `round ${round}`).to.deep.equal([0, ""]);
      expect(contents(folder), `round ${round}`).to.deep.equal(expected);
    }
  });
});
