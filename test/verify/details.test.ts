// What a verification tells beyond its verdict: the stages, the best tokens of both sides, the distribution, and where things are stored.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import type { Executor, Tensor } from "../../core/executor/executor.js";
import { createEngine, type PredictionsReport, type VerifyReport } from "../../core/index.js";
import { weaknessesOf } from "../../core/verify/weaknesses.js";
import { openFiles } from "../helpers/faults/checkpoint-files.js";
import { editJson, fixture, scratchFolder } from "../helpers/folders.js";
import { expected } from "../helpers/reference.js";

const engine = createEngine();
const scratch = scratchFolder("details");
after(scratch.remove);

const source = fixture("tiny-llama3");
const prompt = "In the beginning God created the heaven and the earth.";

/** Logits of a .npy file, as NumPy lays them out: 10 bytes, a header of the length that the last two say, float32. */
function logitsOf(path: string): Float32Array {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.byteLength));
}

describe("verify with details, of a model whose rows of q and k are in another order than its config says", () => {
  const faulty = scratch.fresh();
  let ours: Float32Array;
  let theirs: Float32Array;
  let report: VerifyReport;
  let predictions: PredictionsReport;
  before(async () => {
    await engine.convert(source, faulty, { to: "nanotron", tp: 2, pp: 2, ropeInterleaved: true, verify: "none" });
    editJson(faulty, "model_config.json", { rope_interleaved: false });
    report = await engine.verify(source, faulty, { prompt, positions: [0, 3], top: 4, details: true });
    if (report.predictions === null) throw new Error("predictions were compared");
    predictions = report.predictions;
    const [one, other] = [`${scratch.fresh()}.npy`, `${scratch.fresh()}.npy`];
    await engine.predict(source, { prompt, logits: one });
    await engine.predict(faulty, { prompt, logits: other });
    [ours, theirs] = [logitsOf(one), logitsOf(other)];
  });

  it("the distribution counts every logit where it belongs", () => {
    const apart = Array.from(ours, (value, at) => Math.abs(value - (theirs[at] ?? Number.NaN)));
    const { distribution } = predictions;
    expect(distribution).to.include({ total: ours.length, zero: apart.filter((value) => value === 0).length, notFinite: 0 });
    for (const { from, to, count } of distribution?.bins ?? []) {
      expect(count, `${from} to ${to}`).to.equal(apart.filter((value) => value >= from && value < to).length);
    }
    expect(distribution?.bins.reduce((sum, { count }) => sum + count, distribution.zero)).to.equal(ours.length);
  });

  it("the stages are the forwards', the logits last, with the largest difference there is", () => {
    const { stages } = predictions;
    expect(stages.map(({ stage }) => stage)).to.deep.equal([
      "embedding",
      ...[0, 1, 2, 3].flatMap((layer) => [`layer ${layer} attention`, `layer ${layer} feed-forward`]),
      "final norm",
      "logits",
    ]);
    expect(stages[0]).to.include({ distance: 0, noise: null });
    const largest = ours.reduce((most, value, at) => Math.max(most, Math.abs(value - (theirs[at] ?? 0))), 0);
    expect(stages.at(-1)?.distance).to.be.closeTo(largest, 1e-6);
    const rms = Math.sqrt(ours.reduce((sum, value) => sum + value * value, 0) / ours.length);
    expect(stages.at(-1)?.rms).to.be.closeTo(rms, 1e-5 * rms);
  });

  it("the positions hold what each side alone predicts there, and what the prompt says next", async () => {
    const options = { prompt, positions: [0, 3], top: 4 };
    const [a, b] = [await engine.predict(source, options), await engine.predict(faulty, options)];
    expect(Object.keys(predictions.positions)).to.deep.equal(["0", "3"]);
    for (const [position, shown] of Object.entries(predictions.positions)) {
      expect(shown.a).to.deep.equal(a.positions[position]);
      expect(shown.b).to.deep.equal(b.positions[position]);
    }
    expect(predictions.positions["0"]?.context).to.equal("<|begin_of_text|>");
    const [first, fourth] = [predictions.positions["0"], predictions.positions["3"]];
    expect(first?.next.text).to.equal("I");
    expect(`<|begin_of_text|>${prompt}`.startsWith(`${fourth?.context}${fourth?.next.text}`), fourth?.context ?? "").to.equal(true);
  });

  it("a tensor is told by where both sides keep it", () => {
    const rows = new Map(report.details?.tensors.map((row) => [row.name, row]));
    expect(rows.size).to.equal(39);
    expect(rows.get("model.layers.1.self_attn.q_proj.weight")).to.deep.equal({
      name: "model.layers.1.self_attn.q_proj.weight",
      shape: [128, 128],
      finding: "different",
      a: { name: "model.layers.1.self_attn.q_proj.weight", dtype: "BF16", parts: 1 },
      b: { name: "model.decoder.1.pp_block.attn.qkv_proj.weight", dtype: "BF16", parts: 2 },
    });
    expect(rows.get("model.norm.weight")).to.deep.equal({
      name: "model.norm.weight",
      shape: [128],
      finding: "equal",
      a: { name: "model.norm.weight", dtype: "BF16", parts: 1 },
      b: { name: "model.final_layer_norm.pp_block.weight", dtype: "BF16", parts: 1 },
    });
  });

  it("each rank is told with its blocks, and each shard", () => {
    const [first, second] = [
      ["token_position_embeddings", "decoder.0", "decoder.1", "decoder.2"],
      ["decoder.3", "final_layer_norm", "lm_head"],
    ];
    expect(report.details?.partsB.map(({ bytes, ...part }) => part)).to.deep.equal([
      { tp: 0, pp: 0, file: null, blocks: first },
      { tp: 1, pp: 0, file: null, blocks: first },
      { tp: 0, pp: 1, file: null, blocks: second },
      { tp: 1, pp: 1, file: null, blocks: second },
    ]);
    expect([report.details?.blocksA, report.details?.blocksB]).to.deep.equal([
      [...first, ...second],
      [...first, ...second],
    ]);
    expect(report.details?.partsA.map(({ file }) => file)).to.deep.equal([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
    ]);
    expect(report.details?.partsA.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(2099456);
    expect([report.a, report.b].map(({ layout, topology, bytes, files }) => ({ layout, topology, bytes, files }))).to.deep.equal([
      { layout: "huggingface", topology: { tp: 1, pp: 1 }, bytes: 2099456, files: 3 },
      { layout: "nanotron", topology: { tp: 2, pp: 2 }, bytes: 2099456, files: 45 },
    ]);
  });

  it("nothing of it is gathered unasked", async () => {
    const { details, predictions: plain } = await engine.verify(source, faulty, { prompt });
    expect({ details, distribution: plain?.distribution }).to.deep.equal({ details: null, distribution: null });
  });
});

describe("framework numerics", () => {
  it("every stage has the noise of its rounding, and a limit that follows from it", async () => {
    const tp2 = fixture("golden/nanotron-tp2");
    const { verdict, predictions } = await engine.verify(source, tp2, { checks: ["predictions"], prompt, numerics: "framework" });
    expect(verdict).to.equal("equal");
    for (const { stage, noise, limit } of predictions?.stages ?? []) {
      if (stage === "embedding") continue; // nothing is rounded there
      expect(noise, stage).to.be.above(0);
      expect(limit / (noise ?? 0), stage).to.be.closeTo(1.5, 1e-9);
    }
  });

  it("a norm's epsilon ten times as large is beyond the noise of the bundled model (F18)", async () => {
    const copy = scratch.copy("golden/nanotron-tp2");
    editJson(copy, "model_config.json", { rms_norm_eps: 1e-4 });
    const { verdict, predictions } = await engine.verify(source, copy, { checks: ["predictions"], prompt, numerics: "framework" });
    expect([verdict, predictions?.agree]).to.deep.equal(["different", false]);
  });
});

describe("framework numerics: no verdict hangs on the mean alone", () => {
  const check = { checks: ["predictions"], prompt, numerics: "framework", executor: "cpu" } as const;

  it("the largest difference and the KL have limits of their own, which a right conversion keeps", async () => {
    const { verdict, predictions } = await engine.verify(source, fixture("golden/nanotron-tp2"), check);
    expect(verdict).to.equal("equal");
    expect(predictions?.measures.map(({ name }) => name)).to.deep.equal(["largest difference", "mean KL"]);
    expect(predictions?.measures.map(({ distance }) => distance)).to.deep.equal([predictions?.maxAbs, predictions?.kl.mean]);
    for (const { name, noise, limit, distance } of predictions?.measures ?? []) {
      expect(noise, name).to.be.above(0);
      expect(limit, name).to.be.above(distance);
    }
  });

  it("one vocabulary row of the wrong sign hardly moves the mean, and is different", async () => {
    const copy = scratch.copy("tiny-llama3");
    const [head] = openFiles(copy).parts("lm_head.weight");
    const bytes = Buffer.from(head?.read() ?? Buffer.alloc(0));
    const rowBytes = (head?.shape[1] ?? 0) * 2;
    const row = 200; // a bfloat16's sign is the top bit of its second byte
    for (let at = row * rowBytes + 1; at < (row + 1) * rowBytes; at += 2) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
    head?.write(bytes);
    const { verdict, predictions } = await engine.verify(source, copy, check);
    expect(predictions?.meanAbs).to.be.below(predictions?.limit ?? 0);
    expect([verdict, predictions?.firstDivergence?.stage]).to.deep.equal(["different", "logits, largest difference"]);
  });

  it("exact numerics need none: each logit is bounded", async () => {
    const { predictions } = await engine.verify(source, fixture("golden/nanotron-tp2"), { ...check, numerics: "exact" });
    expect(predictions?.measures).to.deep.equal([]);
  });
});

describe("how strong the evidence is", () => {
  const tp2 = fixture("golden/nanotron-tp2");
  const weaknesses = async (tokens: readonly number[]) => {
    const { verdict, evidence, predictions } = await engine.verify(source, tp2, { checks: ["predictions"], tokens, executor: "cpu" });
    expect(verdict).to.equal("equal");
    expect(evidence.includes("weak evidence")).to.equal((predictions?.weaknesses ?? []).length > 0);
    return predictions?.weaknesses;
  };

  it("a text of the model's own is strong", async () => {
    expect(await weaknesses(expected.prompt_ids.slice(0, 65))).to.deep.equal([]);
  });

  it("few tokens, few different ones, and one alone are weak", async () => {
    expect(await weaknesses([5, 6, 7, 8, 9, 10, 11, 12, 13])).to.deep.equal(["8 predictions are few"]);
    expect(await weaknesses(Array.from({ length: 33 }, (_, at) => at % 4))).to.deep.equal(["4 different tokens are few"]);
    expect(await weaknesses(Array(33).fill(7))).to.deep.equal(["one token repeated gives attention nothing to choose from"]);
  });

  it("an lm_head of zeros is weak: the stages before it were compared", async () => {
    const copy = scratch.copy("tiny-llama3");
    const [head] = openFiles(copy).parts("lm_head.weight");
    head?.write(Buffer.alloc(head.read().length));
    const options = { checks: ["predictions"], tokens: expected.prompt_ids.slice(0, 65), executor: "cpu" } as const;
    const { verdict, evidence, predictions } = await engine.verify(copy, copy, options);
    expect([verdict, predictions?.weaknesses]).to.deep.equal(["equal", ["the logits are uniform at 64 of 64 positions"]]);
    expect(evidence).to.contain("weak evidence");
  });

  it("uniform logits are weak", async () => {
    const [rows, vocab] = [20, 50];
    const rowsOf = (probability: number) => ({
      topK: async (_logits: Tensor, wanted: readonly number[]) => wanted.map(() => [{ token: 0, logit: 0, probability }]),
    });
    const tokens = Uint32Array.from({ length: rows + 1 }, (_, at) => at);
    const found = (probability: number) => weaknessesOf(rowsOf(probability) as unknown as Executor, tokens, { shape: [rows, vocab] });
    expect(await found(1 / vocab)).to.deep.equal(["the logits are uniform at 20 of 20 positions"]);
    expect(await found(2 / vocab)).to.deep.equal([]);
  });
});
