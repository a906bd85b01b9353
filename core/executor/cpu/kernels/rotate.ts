// RoPE on rows [start, stop): each pair of a head's elements turned by an angle that grows with the row's number.

import type { RotateOptions } from "../../executor.js";
import { rounder } from "./rounding.js";

export function rotate(x: Float32Array, out: Float32Array, width: number, options: RotateOptions, start: number, stop: number): void {
  const { headDim, interleaved } = options;
  const half = headDim / 2;
  const [product, rounded] = [rounder(options.roundProducts), rounder(options.round)];
  const [cos, sin] = [new Float32Array(half), new Float32Array(half)];
  const [step, distance] = interleaved ? [2, 1] : [1, half];
  for (let row = start; row < stop; row++) {
    fillTable(cos, sin, row, options);
    for (let head = row * width; head < (row + 1) * width; head += headDim) {
      for (let pair = 0; pair < half; pair++) {
        const at = head + pair * step;
        const [a, b] = [x[at] as number, x[at + distance] as number];
        const [c, s] = [cos[pair] as number, sin[pair] as number];
        out[at] = rounded(product(a * c) - product(b * s));
        out[at + distance] = rounded(product(b * c) + product(a * s));
      }
    }
  }
}

/** cos and sin of one position, float32 before the factor and after it. */
function fillTable(cos: Float32Array, sin: Float32Array, position: number, { frequencies, tableFactor, roundTable }: RotateOptions): void {
  const rounded = rounder(roundTable);
  for (let i = 0; i < frequencies.length; i++) {
    const angle = Math.fround(position * (frequencies[i] as number));
    cos[i] = rounded(Math.fround(Math.cos(angle)) * tableFactor);
    sin[i] = rounded(Math.fround(Math.sin(angle)) * tableFactor);
  }
}
