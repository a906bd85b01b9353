import { expect } from "chai";
import { describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
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
