import { expect } from "chai";
import { describe, it } from "mocha";
import { cpuProvider } from "../../core/executor/cpu/provider.js";
import type { ExecutorProvider } from "../../core/executor/executor.js";
import { createEngine, ExecutorError } from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { normal, uniform } from "../helpers/random.js";
import { type TestDtype, writeRandomLlama } from "../helpers/random-llama.js";

const model = { hidden: 16, heads: 4, kvHeads: 2, headDim: 4, ffn: 8, vocab: 6, layers: 2, tied: false };

describe("a conversion that was not told what to check", () => {
  for (const dtype of ["F64", "F8_E4M3"] satisfies TestDtype[])
    it(`of ${dtype}, which no executor reads: compares parameters`, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", model, dtype, 1);
      const { verified } = await createEngine({ store }).convert("/source", "/out", { to: "huggingface" });
      expect(verified).to.equal("parameters");
    });
});

describe("an executor that fails under a conversion's predictions", () => {
  /** A device that opens and then loses its driver. */
  const lost: ExecutorProvider = {
    name: "lost",
    unavailable: async () => undefined,
    open: async (store) => {
      const executor = await cpuProvider.open(store);
      const fail = () => Promise.reject(new ExecutorError("the device is lost"));
      return Object.assign(executor, { name: "lost", embed: fail });
    },
  };
  const notice = "predictions were not compared: the device is lost; every element was compared";

  async function engineOn(store: MemoryStore) {
    await writeRandomLlama(store, "/source", model, "BF16", 1);
    const warnings: string[] = [];
    const reporter = { progress: () => undefined, warning: (line: string) => warnings.push(line) };
    return { engine: createEngine({ store, executors: [lost], reporter }), warnings };
  }

  it("leaves a conversion that nobody asked to predict with its parameters compared, and says so there and in the receipt", async () => {
    const store = new MemoryStore();
    const { engine, warnings } = await engineOn(store);
    const result = await engine.convert("/source", "/out", { to: "nanotron", tp: 2 });
    expect(result).to.deep.include({ written: true, verified: "parameters", warnings: [notice] });
    expect(warnings).to.deep.equal([notice]);
    const receipt = JSON.parse(new TextDecoder().decode(store.files.get("/out/weighbridge.receipt.json")));
    expect(receipt).to.deep.include({ verified: "parameters", warnings: [notice] });
  });

  it("is an error where predictions were asked for, and nothing is published", async () => {
    const store = new MemoryStore();
    const { engine } = await engineOn(store);
    const failure = engine.convert("/source", "/out", { to: "nanotron", tp: 2, verify: "predictions" });
    expect(await failure.catch((error: Error) => error)).to.be.instanceOf(ExecutorError);
    expect([...store.files.keys()].filter((path) => path.startsWith("/out"))).to.deep.equal([]);
  });

  it("is an error of verify", async () => {
    const { engine } = await engineOn(new MemoryStore());
    expect(await engine.verify("/source", "/source", {}).catch((error: Error) => error)).to.be.instanceOf(ExecutorError);
  });
});

/** Normal weights in a file of float32. */
function fillNormal(file: Uint8Array, deviation: number): void {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const draw = normal(uniform(1));
  for (let at = 8 + Number(view.getBigUint64(0, true)); at < file.byteLength; at += 4) view.setFloat32(at, draw(deviation), true);
}

describe("a right conversion", () => {
  const narrow = { hidden: 32, heads: 4, kvHeads: 4, headDim: 8, ffn: 8, vocab: 16, layers: 6, tied: false };
  for (const deviation of [0.1, 0.3, 1, 5])
    it(`to TP 2 is not refused by its predictions, with weights of size ${deviation}`, async () => {
      const store = new MemoryStore();
      await writeRandomLlama(store, "/source", narrow, "F32", 1);
      fillNormal(store.files.get("/source/model.safetensors") as Uint8Array, deviation);
      const { written, verified } = await createEngine({ store }).convert("/source", "/out", { to: "nanotron", tp: 2 });
      expect({ written, verified }).to.deep.equal({ written: true, verified: "predictions" });
    });
});
