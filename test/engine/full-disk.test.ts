// A disk that is really full midway, on a small file system of its own; and a conversion stopped when much has been written.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { CancelledError, type ConvertOptions, createEngine, StorageError } from "../../core/index.js";
import { scratchFolder } from "../helpers/folders.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const MIB = 2 ** 20;
/** 640 MB of weights, holes on the disk. */
const WIDTHS = { hidden: 2048, ffn: 4096, layers: 5, heads: 16, kvHeads: 8, vocab: 32000 };

const scratch = scratchFolder("full-disk");
const source = scratch.fresh();
const disk = scratch.fresh();
const engine = createEngine();
const options = { to: "nanotron", tp: 2, verify: "none" } as const;

const mount = (...args: string[]) => spawnSync("mount", args).status === 0;

/** The error of a conversion to `destination` at whose first sign of `bytes` written something happens. */
async function disturbed(destination: string, bytes: number, happens: () => void, more: Partial<ConvertOptions> = {}): Promise<Error> {
  let isDone = false;
  const onProgress = (progress: { readonly bytes: number }) => {
    if (isDone || progress.bytes < bytes) return;
    isDone = true;
    happens();
  };
  return engine.convert(source, destination, { ...options, ...more, onProgress }).then(
    () => expect.fail("it was not disturbed"),
    (thrown: Error) => thrown,
  );
}

/** Continue, and see that most of it was there. @returns bytes written before the first report */
async function expectContinued(destination: string): Promise<void> {
  const seen: number[] = [];
  await engine.convert(source, destination, {
    ...options,
    verify: "parameters",
    onProgress: ({ stage, bytes }) => stage === "copy" && seen.push(bytes),
  });
  expect(seen[0] ?? Number.NaN).to.be.greaterThan(256 * MIB);
  expect(readdirSync(join(destination, "..")).filter((name) => name.startsWith("out"))).to.deep.equal(["out"]);
}

describe("a conversion that ends midway, after 256 MiB", () => {
  before(() => {
    writeSparseModel(source, WIDTHS);
    mkdirSync(disk);
  });
  after(() => {
    spawnSync("umount", [disk]);
    scratch.remove();
  });

  it("for want of space says so, keeps what it wrote, and continues when there is some", async function () {
    this.timeout(120_000);
    if (!mount("-t", "tmpfs", "-o", "size=700m", "tmpfs", disk)) this.skip(); // only root may mount
    const destination = join(disk, "out");
    const filler = join(disk, "filler");
    const error = await disturbed(destination, 450 * MIB, () => {
      const { bavail, bsize } = statfsSync(disk);
      try {
        writeFileSync(filler, Buffer.alloc(bavail * bsize));
      } catch {
        // the conversion took some of it meanwhile; now the disk is full
      }
    });
    expect(error).to.be.instanceOf(StorageError);
    expect(error.message).to.match(
      /^cannot \w+ .*: no space left on device; free some space or choose another disk; \d+ bytes are kept in .*out\.weighbridge-partial: the same command continues there$/,
    );
    expect(existsSync(destination)).to.equal(false);
    rmSync(filler);
    await expectContinued(destination);
    rmSync(destination, { recursive: true });
  });

  it("by the user's hand says what is kept, and continues", async function () {
    this.timeout(120_000);
    const destination = join(disk, "by-hand/out");
    const abort = new AbortController();
    const error = await disturbed(destination, 450 * MIB, () => abort.abort(), { signal: abort.signal });
    expect(error).to.be.instanceOf(CancelledError);
    expect(error.message).to.match(/^cancelled; nothing was published; \d+ bytes are kept in .*: the same command continues there$/);
    await expectContinued(destination);
  });
});
