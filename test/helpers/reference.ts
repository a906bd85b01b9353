// What the frameworks themselves computed for the bundled model: transformers' and Nanotron's logits, and the prompt they had.

import { readFileSync } from "node:fs";
import { fixture } from "./folders.js";

interface Expected {
  /** 513 ids: 512 predictions and the last one's label. */
  readonly prompt_ids: number[];
  /** [token, probability] of the ten best, by position. */
  readonly hf_cpu_fp32: { readonly top10: Readonly<Record<string, readonly [token: number, probability: number][]>> };
}

export const expected: Expected = JSON.parse(readFileSync(fixture("tiny-llama3-expected.json"), "utf8"));

export interface Logits {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** A .npy file of version 1, float32, two axes, row-major. */
export function readLogits(path: string): Logits {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const shape = /'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)/.exec(bytes.toString("latin1", 10, start));
  if (shape === null) throw new Error(`${path}: not a float32 matrix`);
  const [rows, columns] = [Number(shape[1]), Number(shape[2])];
  return { rows, columns, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.byteLength)) };
}

export const referenceLogits = (name: string): Logits => readLogits(fixture(`${name}.npy`));

/** The column of a row's largest value, the first of equals. */
export function argmaxes({ rows, columns, values }: Logits): number[] {
  return Array.from({ length: rows }, (_, row) => {
    const line = values.subarray(row * columns, (row + 1) * columns);
    return line.reduce((best, value, at) => (value > (line[best] ?? Number.NEGATIVE_INFINITY) ? at : best), 0);
  });
}

export interface Distance {
  readonly max: number;
  readonly mean: number;
  /** Share of values with the same bits. */
  readonly bitEqual: number;
}

export function distance(a: Logits, b: Logits): Distance {
  if (a.values.length !== b.values.length) throw new Error(`${a.values.length} and ${b.values.length} logits`);
  let [max, sum, equal] = [0, 0, 0];
  a.values.forEach((value, at) => {
    const apart = Math.abs(value - (b.values[at] ?? Number.NaN));
    max = Math.max(max, apart);
    sum += apart;
    if (apart === 0) equal++;
  });
  return { max, mean: sum / a.values.length, bitEqual: equal / a.values.length };
}
