// The threads under the CPU executor: what they compute is in the conformance table; here, how they fail and end.

import { execFileSync } from "node:child_process";
import { expect } from "chai";
import { afterEach, beforeEach, describe, it } from "mocha";
import { perform, split, type Task } from "../../core/executor/cpu/task.js";
import { Threads } from "../../core/executor/cpu/threads.js";
import { uniform } from "../helpers/random.js";
import { expectRefusal } from "./conformance.js";

const [TOKENS, WIDTH, OUT_WIDTH] = [64, 256, 301];

const shared = (numElements: number) => new Float32Array(new SharedArrayBuffer(numElements * 4));

function product(): Task & { op: "linear" } {
  const next = uniform(1);
  const weight = shared(OUT_WIDTH * WIDTH).map(next);
  const bytes = new Uint8Array(new SharedArrayBuffer(weight.byteLength));
  bytes.set(new Uint8Array(weight.buffer, weight.byteOffset, weight.byteLength));
  const sizes = { weightRows: OUT_WIDTH, width: WIDTH, outWidth: OUT_WIDTH, firstColumn: 0 };
  const x = shared(TOKENS * WIDTH);
  for (let i = 0; i < x.length; i++) x[i] = next();
  return { op: "linear", x, out: shared(TOKENS * OUT_WIDTH), bytes, dtype: "F32", ...sizes };
}

describe("threads", () => {
  let threads: Threads;
  beforeEach(() => {
    threads = new Threads(3);
  });
  afterEach(() => threads.close());

  it("split a task into parts that together are the task", () => {
    const columns = split(product(), 3).map((part) => (part.op === "linear" ? [part.firstColumn, part.weightRows, part.bytes.length] : []));
    expect(columns).to.deep.equal([
      [0, 104, 104 * WIDTH * 4],
      [104, 104, 104 * WIDTH * 4],
      [208, 93, 93 * WIDTH * 4],
    ]);
  });

  it("give what one thread gives, bit by bit", async () => {
    const [task, alone] = [product(), product()];
    await threads.perform(task);
    perform(alone);
    expect(Buffer.compare(Buffer.from(task.out.buffer), Buffer.from(alone.out.buffer))).to.equal(0);
    expect(task.out.some((value) => value === 0)).to.equal(false);
  });

  it("reject the task whose part failed, and go on with the next", async () => {
    await expectRefusal(threads.perform({ ...product(), dtype: "I32" }), "EXECUTOR", /a thread of the cpu executor failed: cannot cast/);
    const task = product();
    await threads.perform(task);
    expect(task.out.some((value) => value === 0)).to.equal(false);
  });

  it("reject what is under way when they are closed, and all after that", async () => {
    const pending = expectRefusal(threads.perform(product()), "EXECUTOR", /executor was closed/);
    await threads.close();
    await pending;
    await expectRefusal(threads.perform(product()), "EXECUTOR", /executor was closed/);
  });

  it("let Node end though nobody closed them", () => {
    const script = `
      import { Threads } from ${JSON.stringify(import.meta.resolve("../../core/executor/cpu/threads.js"))};
      const shared = (length) => new Float32Array(new SharedArrayBuffer(length * 4));
      const bytes = new Uint8Array(new SharedArrayBuffer(301 * 256 * 4));
      const sizes = { weightRows: 301, width: 256, outWidth: 301, firstColumn: 0 };
      await new Threads(2).perform({ op: "linear", x: shared(64 * 256), out: shared(64 * 301), bytes, dtype: "F32", ...sizes });
      console.log("done");`;
    const found = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8", timeout: 20_000 });
    expect(found).to.equal("done\n");
  });
});
