// A Llama checkpoint of any shape with weights such as training starts from: every layer matters, and attention looks somewhere.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode, type FloatDType, nearest } from "./floats.js";
import { type RawTensor, writeTensors } from "./folders.js";
import type { NaiveModel } from "./naive-nanotron.js";
import { normal, uniform } from "./random.js";
import { configOf, shapesOf } from "./random-llama.js";

export interface GaussianModel extends NaiveModel {
  readonly dtype: FloatDType;
  /** Of all matrices alike, as a framework's `initializer_range` is; by default what keeps each product's size. */
  readonly deviation?: number;
  /** A column of the residual stream, this many times as large as the others, as large models have them. */
  readonly outlier?: number;
}

/** One over the root of its inputs keeps a product's size; queries and keys twice that make attention choose. */
function deviationOf(name: string, columns: number): number {
  if (name.includes("embed_tokens")) return 0.2;
  return /[qk]_proj/.test(name) ? 2 / Math.sqrt(columns) : 1 / Math.sqrt(columns);
}

function drawTensor(
  name: string,
  shape: readonly number[],
  { dtype, outlier = 1, deviation }: GaussianModel,
  next: () => number,
): RawTensor {
  const draw = normal(next);
  const columns = shape[1] ?? 0;
  const count = shape.reduce((product, size) => product * size, 1);
  const value = (at: number): number => {
    if (columns === 0) return 1 + draw(0.2);
    return draw(deviation ?? deviationOf(name, columns)) * (name.includes("embed_tokens") && at % columns === 3 ? outlier : 1);
  };
  const values = Float64Array.from({ length: count }, (_, at) => nearest(value(at), dtype));
  return { dtype, shape, data: encode(values, dtype) };
}

export function writeGaussianLlama(folder: string, model: GaussianModel, seed: number): void {
  const next = uniform(seed);
  mkdirSync(folder, { recursive: true });
  const tensors = shapesOf(model).map(([name, shape]) => [name, drawTensor(name, shape, model, next)] as const);
  writeTensors(join(folder, "model.safetensors"), new Map(tensors));
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...configOf(model), rope_theta: 500000 }));
}
