// A disk that fills up, fails, or loses the source, at every step of a conversion: nothing is left, and the destination is as it was.

import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine, StorageError } from "../../core/index.js";
import { type Fault, FaultyStore } from "../helpers/faulty-store.js";
import { contents, fixture, scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("faults");
after(scratch.remove);

const source = fixture("tiny-llama3");
const parent = scratch.fresh();
const kept = join(parent, "kept");
const total = new FaultyStore();
let untouched: Record<string, string>;

const convert = (store: FaultyStore, to: string, overwrite: boolean): Promise<unknown> =>
  createEngine({ store }).convert(source, to, { to: "nanotron", tp: 2, overwrite, verify: "parameters" });

before(async () => {
  mkdirSync(parent);
  cpSync(fixture("golden/nanotron-tp1"), kept, { recursive: true });
  untouched = contents(parent);
  await convert(total, join(scratch.fresh(), "whole"), false);
});

async function expectUntouched(fault: Fault, to: string, overwrite: boolean): Promise<void> {
  const error = await convert(new FaultyStore(fault), to, overwrite).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const where = `${fault.kind} ${fault.at}`;
  expect(error, where).to.be.instanceOf(StorageError);
  const { hint, cause, message } = error as StorageError;
  expect(hint, where).to.be.a("string");
  expect(cause, where).to.be.instanceOf(Error);
  expect(message, where).to.not.include("\n");
  expect(contents(parent), where).to.deep.equal(untouched);
}

/** About `count` of the calls there are, first and last included. */
function sample(kind: Fault["kind"], count: number): number[] {
  const last = total.calls[kind] - 1;
  return [...new Set(Array.from({ length: count }, (_, at) => Math.round((at * last) / (count - 1))))];
}

describe("a failing disk", () => {
  it("has every kind of call to fail", () => {
    const { remove, ...calls } = total.calls;
    expect(remove).to.equal(0);
    for (const count of Object.values(calls)) expect(count).to.be.greaterThan(0);
  });

  it("that is full: at any write, for good, into a new place whose folders are not there yet", async () => {
    for (const at of sample("write", 12)) await expectUntouched({ kind: "write", at, lasting: true }, join(parent, "a/b/new"), false);
  });
  it("that is full: at any write, with a destination to be replaced", async () => {
    for (const at of sample("write", 12)) await expectUntouched({ kind: "write", at, lasting: true }, kept, true);
  });
  it("that takes no more files", async () => {
    for (const at of sample("create", 6)) await expectUntouched({ kind: "create", at, lasting: true }, kept, true);
  });
  it("that cannot be read: at any read of headers, weights, side files and of the comparison", async () => {
    for (const at of sample("read", 16)) await expectUntouched({ kind: "read", at }, kept, true);
  });
  it("that loses a file of the source, or of the output, before it is opened", async () => {
    for (const at of sample("open", 12)) await expectUntouched({ kind: "open", at }, kept, true);
  });
  it("that refuses to let the old one aside, or the new one in its place", async () => {
    for (const at of [0, 1]) await expectUntouched({ kind: "rename", at }, kept, true);
    await expectUntouched({ kind: "rename", at: 0 }, join(parent, "a/b/new"), false);
  });

  it("that keeps what it should remove: why the conversion failed is still what is said, and what is left is named", async () => {
    const heard: string[] = [];
    const reporter = { progress: () => undefined, warning: (line: string) => heard.push(line) };
    const elsewhere = join(scratch.fresh(), "out");
    const store = new FaultyStore({ kind: "remove", at: 0 });
    store.freeBytes = async () => 1e12;
    store.rename = () => Promise.reject(new StorageError("cannot rename: the reason"));
    const error = await createEngine({ store, reporter })
      .convert(source, elsewhere, { to: "nanotron" })
      .catch((thrown: Error) => thrown);
    expect((error as Error).message).to.equal("cannot rename: the reason");
    expect(heard).to.have.length(1);
    expect(heard[0]).to.match(/out\.weighbridge-partial-[\d-]+ may be left behind: cannot remove .* permission denied/);
  });
  it("that keeps the replaced checkpoint: the new one is in place, and the old one's new name is said", async () => {
    const heard: string[] = [];
    const reporter = { progress: () => undefined, warning: (line: string) => heard.push(line) };
    const folder = scratch.copy("golden/nanotron-tp1");
    const store = new FaultyStore({ kind: "remove", at: 0 });
    await createEngine({ store, reporter }).convert(source, folder, { to: "huggingface", overwrite: true, verify: "parameters" });
    expect(contents(folder)).to.have.property("config.json");
    expect(heard.join()).to.match(/the replaced checkpoint is left behind as .*\.weighbridge-old-[\d-]+: /);
  });

  it("with too little room is refused before anything is created", async () => {
    const store = new FaultyStore(undefined, 1_000_000);
    const error = await convert(store, join(parent, "a/b/new"), false).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).to.be.instanceOf(StorageError);
    expect(error?.message).to.match(/not enough space: expected \d+ bytes free, found 1000000; free some space/);
    expect(store.calls.create).to.equal(0);
    expect(contents(parent)).to.deep.equal(untouched);
  });

  it("the folders around the destination stay when someone else uses them meanwhile", async () => {
    const store = new FaultyStore({ kind: "rename", at: 0 });
    const rename = store.rename.bind(store);
    store.rename = (from, to) => {
      mkdirSync(join(parent, "a/b/of-someone-else"));
      return rename(from, to);
    };
    await convert(store, join(parent, "a/b/new"), false).catch(() => undefined);
    expect(Object.keys(contents(join(parent, "a")))).to.deep.equal(["b/", "b/of-someone-else/"]);
  });
});
