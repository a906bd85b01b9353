// Small random models as transformers itself wrote them, and the logits that it computed for them: test/gpu/small-models.py made
// test/fixtures/transformers. A family's forward of Hugging Face's layout is held against them, and a conversion there and back.

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, type Numerics } from "../../core/index.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { distance, type Logits, readLogits, referenceLogits } from "../helpers/reference.js";

const engine = createEngine();
const scratch = scratchFolder("transformers");
after(scratch.remove);

const models = readdirSync(fixture("transformers"), { withFileTypes: true }).filter((entry) => entry.isDirectory());

/**
 * With experts some sum of a token is rounded the other way, and what follows it differs by a rounding: in qwen2-moe the first ten
 * tokens are bit for bit transformers', and none is after them. 29.4 % and 34.7 % were measured; the nearest wrong roundings, of the
 * experts' products, of their sums, of their weights, of the shared expert's share, give at most 15.8 % and 21.6 %, and not one token.
 * Starcoder2's first three tokens are bit for bit transformers', too: 32.7 % and, in a window that forgets an early difference,
 * 87.3 % were measured. GELU unrounded gives 21.8 % and 32.6 %, and none of those three.
 */
const LEAST_EQUAL: Readonly<Record<string, number>> = {
  "qwen2-moe": 0.28,
  "qwen2-moe-normalized": 0.33,
  starcoder2: 0.32,
  "starcoder2-window": 0.87,
};

async function logitsOf(model: string, numerics: Numerics): Promise<Logits> {
  const tokens = JSON.parse(readFileSync(fixture(`transformers/${model}-tokens.json`), "utf8"));
  const logits = `${scratch.fresh()}.npy`;
  await engine.predict(fixture(`transformers/${model}`), { tokens, executor: "cpu", numerics, logits });
  return readLogits(logits);
}

/**
 * Positions after which a model's bfloat16 logits part: a float32 sum in another order lands on the other side of a rounding there,
 * and every later token attends to that one. smollm3, six layers deep, is bit for bit equal up to its 13th.
 */
const PARTS_AFTER: Readonly<Record<string, number>> = { smollm3: 13 };

/** By Nanotron: without the window, and without dividing a token's weights by their sum. */
const COMPUTED_OTHERWISE: ReadonlySet<string> = new Set(["mistral", "qwen2-moe-normalized"]);

/** Nanotron knows one order of their q and k rows, and takes no word on it. */
const ONE_ORDER: ReadonlySet<string> = new Set(["starcoder2", "starcoder2-window"]);

const firstRows = ({ columns, values }: Logits, rows: number): Logits => ({ rows, columns, values: values.slice(0, rows * columns) });

const rms = ({ values }: Logits): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe("models that transformers wrote", () => {
  for (const { name } of models) {
    const reference = (kind: string): Logits => referenceLogits(`transformers/${name}-logits-${kind}`);

    it(`${name}: exact numerics give transformers' float32 logits`, async () => {
      const theirs = reference("fp32");
      // Two orders of float32 sums: 4e-6 to 6e-6 of the rms were measured.
      expect(distance(await logitsOf(name, "exact"), theirs).max).to.be.below(2e-5 * rms(theirs));
    });

    it(`${name}: framework numerics give its bfloat16 logits on an H100, bit by bit but for a few`, async () => {
      const theirs = reference("bf16-sdpa-cuda");
      const rows = PARTS_AFTER[name] ?? theirs.rows;
      const { bitEqual } = distance(firstRows(await logitsOf(name, "framework"), rows), firstRows(theirs, rows));
      // 100 % and 99.3 % were measured. transformers on a CPU, which adds up in another order, has 18 % and 26 %.
      expect(bitEqual).to.be.above(LEAST_EQUAL[name] ?? 0.95);
    });

    it(`${name}: to Nanotron TP 2${ONE_ORDER.has(name) ? "" : ", interleaved"}, and back has every tensor`, async () => {
      const [there, back] = [scratch.fresh(), scratch.fresh()];
      const rows = ONE_ORDER.has(name) ? {} : { ropeInterleaved: true };
      const options = { allowSemanticLoss: true, verify: "parameters" } as const;
      const { plugin } = await engine.inspect(fixture(`transformers/${name}`));
      await engine.convert(fixture(`transformers/${name}`), there, { to: "nanotron", tp: 2, ...rows, ...options });
      await engine.convert(there, back, { to: "huggingface", plugin: plugin ?? "", ...options });
      const { parameters } = await engine.verify(fixture(`transformers/${name}`), back, { checks: ["parameters"] });
      expect(parameters).to.deep.include({ different: [], missing: [], extra: [] });
      expect(parameters?.equal).to.have.length.above(20);
    });

    const isOther = COMPUTED_OTHERWISE.has(name);
    it(`${name}: in framework numerics Nanotron's side is ${isOther ? "different, as it must be" : "equal"}, whichever comes first`, async () => {
      const [original, there] = [fixture(`transformers/${name}`), scratch.fresh()];
      await engine.convert(original, there, { to: "nanotron", tp: 2, allowSemanticLoss: true, verify: "none" });
      const tokens = JSON.parse(readFileSync(fixture(`transformers/${name}-tokens.json`), "utf8"));
      for (const [a, b] of [
        [original, there],
        [there, original],
      ] as const) {
        const { predictions } = await engine.verify(a, b, { tokens, checks: ["predictions"], numerics: "framework", executor: "cpu" });
        expect(predictions?.agree).to.equal(!isOther);
      }
    });
  }
});
