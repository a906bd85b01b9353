// What could go wrong between the host and the device: buffers that are given on while an op still needs them, a device that fails
// or is closed while files are read into its memory. A wrong number must not come of it, nor a wait without end.

import { setImmediate, setTimeout } from "node:timers/promises";
import { expect } from "chai";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { createEngine } from "../../core/compose.js";
import type { Executor, RotateOptions } from "../../core/executor/executor.js";
import { findAdapter, type Loaded } from "../../core/executor/webgpu/dawn.js";
import { webgpuProvider } from "../../core/executor/webgpu/provider.js";
import { WebgpuExecutor } from "../../core/executor/webgpu/webgpu-executor.js";
import type { Store } from "../../core/store/store.js";
import { expectRefusal } from "../executor/conformance.js";
import { Drawn, matrixOf } from "../helpers/drawn.js";
import { FaultyStore } from "../helpers/faulty-store.js";
import { fixture } from "../helpers/folders.js";
import { HeldStore } from "../helpers/held-store.js";
import { seed, uniform } from "../helpers/random.js";
import { type Spoil, spoiltDevice } from "../helpers/spoilt-device.js";
import { WeightFiles } from "../helpers/weight-files.js";

const reason = await webgpuProvider.unavailable();
if (reason === undefined) describe(`webgpu's hazards, seed ${seed}`, suite);
else describe.skip(`webgpu's hazards: skipped, ${reason}`, suite);

function suite(): void {
  const drawn = new Drawn(new WeightFiles(), seed);
  let store: HeldStore;
  let executor: Executor;
  beforeEach(async () => {
    store = new HeldStore();
    executor = await webgpuProvider.open(store);
  });
  afterEach(() => executor.close());
  after(() => drawn.files.remove());

  it("a rotation that waits for its input keeps its table, however many others are asked for meanwhile", async () => {
    const x = drawn.weight(matrixOf([1, 2], [3, 4], [5, 6]), "F32");
    const plain: RotateOptions = {
      headDim: 2,
      frequencies: new Float32Array(1),
      tableFactor: 1,
      interleaved: false,
      roundTable: "none",
      roundProducts: "none",
      round: "none",
    };
    store.hold(x.file);
    const rows = Uint32Array.of(0, 1, 2);
    const late = await executor.rotate(await executor.embed(x, rows, { firstRow: 0 }), { ...plain, tableFactor: 10 });
    const y = await drawn.put(executor, matrixOf([1, 1], [1, 1], [1, 1]));
    for (let factor = 100; factor < 130; factor++) await executor.read(await executor.rotate(y, { ...plain, tableFactor: factor }), 0, 1);
    store.letGo(x.file);
    expect(Array.from(await executor.read(late, 0, 3))).to.deep.equal([10, 20, 30, 40, 50, 60]);
  });

  it("a file that is read into mapped memory keeps that memory until the read ends, though the executor is closed", async () => {
    const weight = drawn.weight(drawn.matrix(8, 4), "F32");
    const x = await drawn.put(executor, matrixOf([1, 2, 3, 4]));
    store.hold(weight.file);
    const product = executor.linear(x, weight, { round: "none" }).then((result) => executor.read(result, 0, 1));
    const refused = expectRefusal(product, "EXECUTOR", /executor was closed/);
    while (store.waiting.length === 0) await setImmediate();
    const closing = executor.close();
    await setTimeout(50);
    // Unmapped, it would be the detached rest of an array, and the read would write where the memory was.
    expect(store.waiting[0]?.byteLength).to.equal(weight.byteLength);
    store.letGo(weight.file);
    await closing;
    await refused;
  });

  it("weights that wait for a staging buffer are told when the device fails", async () => {
    const refuseTheFourth: Spoil = { kind: "refused", at: 3 }; // an embedding makes three
    const failing = await WebgpuExecutor.open(spoiltDevice((await findAdapter()) as Loaded, refuseTheFourth), store);
    const x = await drawn.put(failing, matrixOf([1, 2, 3, 4]));
    await failing.read(x, 0, 0); // once they are made
    const weight = drawn.weight(drawn.matrix(8, 4), "F32");
    store.hold(weight.file);
    // More than there are staging buffers.
    const products = await Promise.all(Array.from({ length: 20 }, () => failing.linear(x, weight, { round: "none" })));
    while (store.waiting.length < 16) await setImmediate();
    const refused = products.map((product) => expectRefusal(failing.read(product, 0, 1), "EXECUTOR", /Buffer usages/));
    await expectRefusal(failing.read(await failing.add(x, x, "none"), 0, 1), "EXECUTOR", /Buffer usages/);
    store.letGo(weight.file);
    await Promise.all(refused);
    await failing.close();
  });

  const [a, b] = [fixture("golden/tied-huggingface"), fixture("golden/tied-nanotron")];
  const few = { predictions: 8, checks: ["predictions"] } as const;

  it("a disk that fails halfway ends a verify with the disk's error", async () => {
    const sound = new FaultyStore();
    await createEngine({ store: sound }).verify(a, b, { ...few, executor: "webgpu" });
    const total = sound.calls.read;
    for (const at of [total - 1, total - 5, total - 20]) {
      const verifying = createEngine({ store: new FaultyStore({ kind: "read", at }) }).verify(a, b, { ...few, executor: "webgpu" });
      await expectRefusal(verifying, "STORAGE", /i\/o error/);
    }
  });

  it("a caller who cancels halfway is told so, and nothing is waited for", async () => {
    for (const last of ["embedding", "layer 1 attention", "final norm"]) {
      const abort = new AbortController();
      const onStage = (name: string) => {
        if (name === last) abort.abort();
      };
      const verifying = createEngine().verify(a, b, { ...few, executor: "webgpu", signal: abort.signal, onStage });
      await expectRefusal(verifying, "CANCELLED", /cancelled while comparing predictions/);
    }
  });

  describe("a device that fails", () => {
    let total = 0;
    const verify = (spoil?: Spoil, counted?: () => void) => {
      const open = async (weights: Store) => {
        const loaded = (await findAdapter()) as Loaded;
        return WebgpuExecutor.open(spoiltDevice(loaded, spoil, counted), weights);
      };
      const spoilt = { name: "spoilt", unavailable: async () => undefined, open };
      return createEngine({ executors: [spoilt] }).verify(a, b, { ...few, executor: "spoilt" });
    };

    before(async () => {
      const { verdict } = await verify(undefined, () => total++);
      expect(verdict).to.equal("equal");
      expect(total).to.be.greaterThan(50);
    });

    for (const [kind, message] of [
      ["refused", /the webgpu executor failed: Buffer usages/],
      ["lost", /the webgpu executor failed: (the device was lost|its times cannot be read)/],
      ["full", /no GPU memory for \d+ bytes|the webgpu executor failed: out of memory/],
    ] as const) {
      it(`gives no verdict and no wait without end, whenever it fails: ${kind}`, async () => {
        const next = uniform(seed);
        for (const at of [0, total - 1, ...[1, 2, 3].map(() => Math.floor(next() * total))]) {
          await expectRefusal(verify({ kind, at }), "EXECUTOR", message);
        }
      });
    }
  });
}
