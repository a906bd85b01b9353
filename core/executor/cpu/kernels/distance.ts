// How far two tensors are apart: over all elements, or row by row as distributions. All in float64.

import type { Difference } from "../../executor.js";

/** @param width - of a row; a and b are equally long */
export function difference(a: Float32Array, b: Float32Array, width: number): Difference {
  const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
  const [bitsA, bitsB] = [bits(a), bits(b)];
  let [bitEqual, maxAbs, at, sum, squaresA, squaresB] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i] as number, b[i] as number];
    if (bitsA[i] === bitsB[i]) bitEqual++;
    // Equal infinities are no distance apart; NaN, once met, stays the largest distance.
    const distance = left === right ? 0 : Math.abs(left - right);
    if (distance > maxAbs || (Number.isNaN(distance) && !Number.isNaN(maxAbs))) [maxAbs, at] = [distance, i];
    sum += distance;
    squaresA += left * left;
    squaresB += right * right;
  }
  return {
    numElements: a.length,
    bitEqual,
    maxAbs,
    meanAbs: sum / a.length,
    rmsA: Math.sqrt(squaresA / a.length),
    rmsB: Math.sqrt(squaresB / a.length),
    row: Math.floor(at / width),
    column: at % width,
  };
}

/** log Σ exp(row), shifted by the largest so that nothing overflows. NaN if any element is. */
export function logSumExp(row: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) if ((row[i] as number) > max) max = row[i] as number;
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] as number) - max);
  return max + Math.log(sum);
}

/** KL(softmax(a) ‖ softmax(b)) of one row, in nats; an element of probability 0 in a counts nothing. */
export function divergenceRow(a: Float32Array, b: Float32Array): number {
  const [totalA, totalB] = [logSumExp(a), logSumExp(b)];
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const logA = (a[i] as number) - totalA;
    const probability = Math.exp(logA);
    if (probability !== 0) sum += probability * (logA - ((b[i] as number) - totalB));
  }
  return sum;
}
