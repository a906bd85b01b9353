// False alarms: right conversions of small random models of many shapes, each verified in every way that there is.

import type { Engine, VerifyOptions } from "../../../core/index.js";
import type { FloatDType } from "../../helpers/floats.js";
import type { Scratch } from "../../helpers/folders.js";
import { type GaussianModel, writeGaussianLlama } from "../../helpers/gaussian-llama.js";
import { uniform } from "../../helpers/random.js";

const PREDICTIONS = 16;

export interface AlarmCount {
  conversions: number;
  verdicts: number;
  readonly alarms: string[];
}

const DTYPES: readonly FloatDType[] = ["BF16", "F32", "F16"];

interface Draw {
  readonly model: GaussianModel;
  readonly tp: number;
  readonly pp: number;
  readonly ropeInterleaved: boolean;
}

/** Sizes that the TP divides. */
function draw(seed: number): Draw {
  const next = uniform(seed);
  const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)] as T;
  const tp = oneOf([1, 2, 4]);
  const kvHeads = tp * oneOf([1, 2]);
  const heads = kvHeads * oneOf([1, 2, 3]);
  const headDim = oneOf([2, 4, 8, 16]);
  const layers = oneOf([1, 2, 3, 5]);
  const model: GaussianModel = {
    ...{ heads, kvHeads, headDim, layers, hidden: heads * headDim },
    ffn: tp * oneOf([5, 11, 20]),
    vocab: tp * oneOf([12, 23, 40]),
    tied: next() < 0.3,
    dtype: oneOf(DTYPES),
    ...(next() < 0.15 ? { outlier: 100 } : {}),
  };
  return { model, tp, pp: oneOf([1, 2, 3]), ropeInterleaved: next() < 0.5 };
}

/** Each model goes to Nanotron, and from there to another topology or back: two conversions. */
export async function countAlarms(engine: Engine, scratch: Scratch, models: number, firstSeed: number): Promise<AlarmCount> {
  const found: AlarmCount = { conversions: 0, verdicts: 0, alarms: [] };
  for (let seed = firstSeed; seed < firstSeed + models; seed++) {
    const { model, tp, pp, ropeInterleaved } = draw(seed);
    const [source, there, further] = [scratch.fresh(), scratch.fresh(), scratch.fresh()];
    writeGaussianLlama(source, model, seed);
    await engine.convert(source, there, { to: "nanotron", tp, pp, ropeInterleaved, verify: "none", fsync: false });
    const isBack = seed % 2 === 0;
    const onward = isBack
      ? ({ to: "huggingface" } as const)
      : ({ to: "nanotron", tp: 1, pp: 1, ropeInterleaved: !ropeInterleaved } as const);
    await engine.convert(there, further, { ...onward, verify: "none", fsync: false });
    for (const [a, b] of [
      [source, there],
      [source, further],
    ] as const) {
      found.conversions++;
      const what = `seed ${seed}: ${JSON.stringify({ ...model, tp, pp, ropeInterleaved })}, to ${b === there ? "there" : JSON.stringify(onward)}`;
      await verifyAll(engine, a, b, found, what, model.dtype);
      await verifyAll(engine, b, a, found, `${what}, B first`, model.dtype);
    }
    for (const folder of [source, there, further]) scratch.empty(folder);
  }
  return found;
}

async function verifyAll(engine: Engine, a: string, b: string, found: AlarmCount, what: string, dtype: FloatDType): Promise<void> {
  // No framework's float16 rounding is modelled.
  const numerics = dtype === "F16" ? (["exact"] as const) : (["exact", "framework"] as const);
  for (const each of numerics) {
    const options: VerifyOptions = { numerics: each, predictions: PREDICTIONS, executor: "cpu" };
    const { verdict, evidence } = await engine.verify(a, b, options);
    found.verdicts++;
    if (verdict !== "equal") found.alarms.push(`${what}, ${each} numerics: ${evidence}`);
  }
}
