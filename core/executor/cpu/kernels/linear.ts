// x · Wᵀ in tiles of 2 rows of x by 4 rows of W, whose 8 sums stay in registers. Sums are float64, rounded to float32 once:
// in JavaScript that is faster than float32 sums, and the float32 result is the nearest there is.

import type { Rounding } from "../../executor.js";
import { bf16 } from "./rounding.js";

/** Where a product's operands and results lie. Letters as in executor.ts. */
export interface Product {
  readonly x: Float32Array; // [T, H]
  readonly weight: Float32Array; // [rows, H]
  readonly out: Float32Array; // [T, O]
  readonly width: number; // H
  readonly outWidth: number; // O
  /** The column of `out` that the weight's first row gives. */
  readonly firstColumn: number;
}

/** Rows [start, stop) of x against the first `weightRows` rows of the weight. */
export function multiply(product: Product, weightRows: number, start: number, stop: number): void {
  const tiledRows = stop - ((stop - start) % 2);
  const tiledColumns = weightRows - (weightRows % 4);
  for (let column = 0; column < tiledColumns; column += 4) {
    for (let row = start; row < tiledRows; row += 2) tile2x4(product, row, column);
    if (tiledRows < stop) tile1x4(product, tiledRows, column);
  }
  for (let column = tiledColumns; column < weightRows; column++) {
    for (let row = start; row < stop; row++) tile1x1(product, row, column);
  }
}

/** Add a bias to rows [start, stop) of out, then round them. The bias is added to the float32 sums. */
export function finish(
  out: Float32Array,
  outWidth: number,
  bias: Float32Array | undefined,
  round: Rounding,
  start: number,
  stop: number,
): void {
  if (bias !== undefined) {
    for (let row = start; row < stop; row++) {
      for (let i = 0; i < outWidth; i++) out[row * outWidth + i] = (out[row * outWidth + i] as number) + (bias[i] as number);
    }
  }
  if (round === "none") return;
  for (let at = start * outWidth; at < stop * outWidth; at++) out[at] = bf16(out[at] as number);
}

function tile2x4({ x, weight, out, width, outWidth, firstColumn }: Product, row: number, column: number): void {
  const x0 = row * width;
  const x1 = x0 + width;
  const w0 = column * width;
  const [w1, w2, w3] = [w0 + width, w0 + 2 * width, w0 + 3 * width];
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let h = 0; h < width; h++) {
    const a = x[x0 + h] as number;
    const b = x[x1 + h] as number;
    const p = weight[w0 + h] as number;
    const q = weight[w1 + h] as number;
    const r = weight[w2 + h] as number;
    const s = weight[w3 + h] as number;
    s00 += a * p;
    s01 += a * q;
    s02 += a * r;
    s03 += a * s;
    s10 += b * p;
    s11 += b * q;
    s12 += b * r;
    s13 += b * s;
  }
  const first = row * outWidth + firstColumn + column;
  const second = first + outWidth;
  out[first] = s00;
  out[first + 1] = s01;
  out[first + 2] = s02;
  out[first + 3] = s03;
  out[second] = s10;
  out[second + 1] = s11;
  out[second + 2] = s12;
  out[second + 3] = s13;
}

function tile1x4({ x, weight, out, width, outWidth, firstColumn }: Product, row: number, column: number): void {
  const x0 = row * width;
  const w0 = column * width;
  const [w1, w2, w3] = [w0 + width, w0 + 2 * width, w0 + 3 * width];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let h = 0; h < width; h++) {
    const a = x[x0 + h] as number;
    s0 += a * (weight[w0 + h] as number);
    s1 += a * (weight[w1 + h] as number);
    s2 += a * (weight[w2 + h] as number);
    s3 += a * (weight[w3 + h] as number);
  }
  const first = row * outWidth + firstColumn + column;
  out[first] = s0;
  out[first + 1] = s1;
  out[first + 2] = s2;
  out[first + 3] = s3;
}

function tile1x1({ x, weight, out, width, outWidth, firstColumn }: Product, row: number, column: number): void {
  let sum = 0;
  for (let h = 0; h < width; h++) sum += (x[row * width + h] as number) * (weight[column * width + h] as number);
  out[row * outWidth + firstColumn + column] = sum;
}
