// Where the forwards run elsewhere than on this machine's cores, tensors are compared meanwhile: with the same result.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { cpuProvider } from "../../core/executor/cpu/provider.js";
import type { ExecutorProvider } from "../../core/executor/executor.js";
import { CancelledError, createEngine, ExecutorError, StorageError, UsageError } from "../../core/index.js";
import { FileStore } from "../../core/store/file-store.js";
import type { ReadableFile } from "../../core/store/store.js";
import { editJson, fixture, scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("both-at-once");
after(scratch.remove);

/** The CPU's executor under another name, as another device would have; counts how many are open. */
let numOpen = 0;
const elsewhere: ExecutorProvider = {
  ...cpuProvider,
  name: "elsewhere",
  open: async (store) => {
    const executor = await cpuProvider.open(store);
    numOpen++;
    const close = async () => {
      numOpen--;
      await executor.close();
    };
    return new Proxy(executor, {
      get: (target, key) => (key === "name" ? "elsewhere" : key === "close" ? close : bound(target, Reflect.get(target, key))),
    });
  },
};
const bound = (target: object, value: unknown): unknown => (typeof value === "function" ? value.bind(target) : value);

describe("both checks at once", () => {
  const pairs = [
    ["golden/nanotron-tp2", "equal", "golden/nanotron-tp2"],
    ["another rope_theta", "different", "theta"],
  ] as const;
  for (const [what, verdict, name] of pairs) {
    it(`say what they say one after the other: ${what}`, async () => {
      const b = name === "theta" ? scratch.copy("golden/nanotron-tp1") : fixture(name);
      if (name === "theta") editJson(b, "model_config.json", { rope_theta: 10000 });
      const engine = createEngine({ executors: [elsewhere] });
      const options = { predictions: 40 };
      const one = await engine.verify(fixture("tiny-llama3"), b, { ...options, executor: "cpu" });
      const other = await engine.verify(fixture("tiny-llama3"), b, { ...options, executor: "elsewhere" });
      expect(other.verdict).to.equal(verdict);
      expect(other.predictions?.executor).to.equal("elsewhere");
      const { timings: _, ...predictions } = other.predictions ?? expect.fail("no predictions");
      const { timings: __, ...expected } = one.predictions ?? expect.fail("no predictions");
      expect({ ...predictions, executor: "cpu" }).to.deep.equal(expected);
      expect([other.parameters, other.settings]).to.deep.equal([one.parameters, one.settings]);
      expect(numOpen).to.equal(0);
    });
  }

  it("tell the comparison's progress first, and then what is left of the forwards'", async () => {
    const stages: string[] = [];
    const onProgress = ({ stage }: { readonly stage: string }) => stages.push(stage);
    const engine = createEngine({ executors: [elsewhere] });
    await engine.verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), { executor: "elsewhere", predictions: 40, onProgress });
    expect(stages.lastIndexOf("compare")).to.be.lessThan(stages.indexOf("predict"));
    expect(stages).to.include("compare");
  });

  const mistakes = {
    "an id beyond the vocabulary": { tokens: [1, 99_999, 3] },
    "a single token": { tokens: [1] },
    "a position that no prediction is made at": { positions: [40] },
    "more best tokens than there are": { top: 99_999 },
    "an executor that nobody knows": { executor: "abacus" },
  };
  for (const [what, options] of Object.entries(mistakes))
    it(`are not begun with ${what}`, async () => {
      const stages: string[] = [];
      const onProgress = ({ stage }: { readonly stage: string }) => stages.push(stage);
      const refusal = createEngine().verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), {
        predictions: 40,
        onProgress,
        ...options,
      });
      expect(await refusal.catch((error: Error) => error)).to.be.instanceOf(UsageError);
      expect(stages).to.deep.equal([]);
    });

  it("are not begun with an executor that cannot run here", async () => {
    const broken: ExecutorProvider = { ...cpuProvider, name: "broken", unavailable: async () => "it has no device" };
    const stages: string[] = [];
    const onProgress = ({ stage }: { readonly stage: string }) => stages.push(stage);
    const engine = createEngine({ executors: [broken] });
    const refusal = engine.verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), { executor: "broken", onProgress });
    expect(await refusal.catch((error: Error) => error)).to.be.instanceOf(ExecutorError);
    expect(stages).to.deep.equal([]);
  });

  it("end together when the disk fails under the comparison, or the caller cancels", async () => {
    class FailingStore extends FileStore {
      override async open(path: string): Promise<ReadableFile> {
        const file = await super.open(path);
        if (!path.endsWith("model-00003-of-00003.safetensors")) return file;
        return { ...file, byteLength: file.byteLength, close: () => file.close(), read: (buffer, at) => failing(file, buffer, at) };
      }
    }
    const failing = (file: ReadableFile, buffer: Uint8Array, at: number): Promise<void> =>
      buffer.byteLength < 10_000 ? file.read(buffer, at) : Promise.reject(new StorageError("the disk failed"));
    const engine = createEngine({ store: new FailingStore(), executors: [elsewhere] });
    const error = await engine
      .verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), { executor: "elsewhere", predictions: 40 })
      .catch((thrown: Error) => thrown);
    expect(error).to.be.instanceOf(StorageError);
    expect(numOpen).to.equal(0);

    const abort = new AbortController();
    const cancelled = await createEngine({ executors: [elsewhere] })
      .verify(fixture("tiny-llama3"), fixture("golden/nanotron-tp1"), {
        ...{ executor: "elsewhere", predictions: 40, signal: abort.signal },
        onProgress: () => abort.abort(),
      })
      .catch((thrown: Error) => thrown);
    expect(cancelled).to.be.instanceOf(CancelledError);
    expect(numOpen).to.equal(0);
  });
});
