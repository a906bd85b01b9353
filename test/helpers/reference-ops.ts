// The executor's ops once more, naively, in float64, written from the interface's docs. Each result comes with a running error
// bound: how far a right executor may be from it.
//
// An executor computes in float32: each operation adds at most u·|result|, u = 2^-24; a sum of n terms, in any order, at most
// n·u·Σ|terms|; an exp of argument x at most (4 + 2|x|)·u relative, as a float32 library or a shader's exp2 gives it. Where a value
// is rounded to bfloat16, an error however small may tip it over to the neighbour: that adds one bfloat16 ulp.

import type {
  AttentionOptions,
  LayerNormOptions,
  RmsNormOptions,
  RotateOptions,
  Rounding,
  SiluMulOptions,
} from "../../core/executor/executor.js";
import { nearest, ulp } from "./floats.js";

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export interface Reference extends Matrix {
  /** Per element, absolute. */
  readonly bounds: Float64Array;
}

/** A value, and how far from it an executor's may be. */
interface Approximate {
  readonly value: number;
  readonly error: number;
}

const U = 2 ** -24;
/** Below this, float32 loses relative precision. */
const TINY = 2 ** -126;

const round = (rounding: Rounding, { value, error }: Approximate): Approximate =>
  rounding === "none"
    ? { value, error: error + U * Math.abs(value) + TINY }
    : { value: nearest(value, "BF16"), error: error + ulp(Math.abs(value) + error, "BF16") };

const exact = (value: number): Approximate => ({ value, error: 0 });

const plus = (a: Approximate, b: Approximate): Approximate => {
  const value = a.value + b.value;
  return { value, error: a.error + b.error + U * Math.abs(value) };
};

const times = (a: Approximate, b: Approximate): Approximate => {
  const value = a.value * b.value;
  return { value, error: Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error + U * Math.abs(value) };
};

const expOf = ({ value, error }: Approximate): Approximate => {
  const result = Math.exp(value);
  return { value: result, error: result * (Math.expm1(error) + (4 + 2 * Math.abs(value)) * U) };
};

export const at = ({ values, columns }: Matrix, row: number, column: number): number => values[row * columns + column] as number;

function build(rows: number, columns: number, element: (row: number, column: number) => Approximate): Reference {
  const [values, bounds] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const { value, error } = element(row, column);
      values[row * columns + column] = value;
      bounds[row * columns + column] = error;
    }
  }
  return { rows, columns, values, bounds };
}

export function embed(table: Matrix, tokens: readonly number[], firstRow: number): Reference {
  return build(tokens.length, table.columns, (row, column) => {
    const wanted = (tokens[row] as number) - firstRow;
    return exact(wanted >= 0 && wanted < table.rows ? at(table, wanted, column) : 0);
  });
}

export function rmsNorm(x: Matrix, weight: Matrix, { epsilon, roundNormalized, round: last }: RmsNormOptions): Reference {
  const root = (row: number) => {
    let squares = 0;
    for (let i = 0; i < x.columns; i++) squares += at(x, row, i) ** 2;
    return Math.sqrt(squares / x.columns + epsilon);
  };
  const roots = Array.from({ length: x.rows }, (_, row) => root(row));
  return build(x.rows, x.columns, (row, column) => {
    const value = at(x, row, column) / (roots[row] as number);
    // The mean square is off by (n + 3)·u, its root by half; then the root, the quotient and one step more.
    const normalized = round(roundNormalized, { value, error: Math.abs(value) * ((x.columns + 3) / 2 + 3) * U });
    return round(last, times(normalized, exact(at(weight, 0, column))));
  });
}

export function layerNorm(x: Matrix, weight: Matrix, bias: Matrix, { epsilon, round: last }: LayerNormOptions): Reference {
  const n = x.columns;
  const moments = Array.from({ length: x.rows }, (_, row) => {
    const values = Array.from({ length: n }, (__, i) => at(x, row, i));
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const meanError = ((n + 1) * U * values.reduce((sum, value) => sum + Math.abs(value), 0)) / n;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    const spread = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / n;
    // A step off the mean moves the mean square by its own square at most; the rest is each difference's rounding, and the sum's.
    const varianceError = (n + 4) * U * variance + meanError ** 2 + 2 * U * spread * meanError;
    return { mean, meanError, root: Math.sqrt(variance + epsilon), relative: varianceError / (variance + epsilon) / 2 + 3 * U };
  });
  return build(x.rows, n, (row, column) => {
    const { mean, meanError, root, relative } = moments[row] as (typeof moments)[number];
    const apart = at(x, row, column) - mean;
    const normalized = { value: apart / root, error: (meanError + U * Math.abs(apart)) / root + Math.abs(apart / root) * (relative + U) };
    return round(last, plus(times(normalized, exact(at(weight, 0, column))), exact(at(bias, 0, column))));
  });
}

export function linear(x: Matrix, weight: Matrix, bias: Matrix | undefined, rounding: Rounding): Reference {
  return build(x.rows, weight.rows, (row, column) => {
    let [value, size] = [0, 0];
    for (let i = 0; i < x.columns; i++) {
      const product = at(x, row, i) * at(weight, column, i);
      value += product;
      size += Math.abs(product);
    }
    const sum = { value, error: (x.columns + 1) * U * size };
    return round(rounding, bias === undefined ? sum : plus(sum, exact(at(bias, 0, column))));
  });
}

export function columns(x: Matrix, start: number, stop: number): Reference {
  return build(x.rows, stop - start, (row, column) => exact(at(x, row, start + column)));
}

export function joinColumns(parts: readonly Matrix[]): Reference {
  const all = parts.flatMap((part) => Array.from({ length: part.columns }, (_, column) => ({ part, column })));
  return build(parts[0]?.rows ?? 0, all.length, (row, index) => {
    const { part, column } = all[index] as { part: Matrix; column: number };
    return exact(at(part, row, column));
  });
}

export function rotate(x: Matrix, options: RotateOptions): Reference {
  const { headDim, frequencies, tableFactor, interleaved, roundTable, roundProducts } = options;
  const half = headDim / 2;
  return build(x.rows, x.columns, (row, column) => {
    const within = column % headDim;
    const head = column - within;
    const pair = interleaved ? Math.floor(within / 2) : within % half;
    const isFirst = interleaved ? within % 2 === 0 : within < half;
    const other = interleaved ? head + (isFirst ? within + 1 : within - 1) : head + ((within + half) % headDim);
    const angle = Math.fround(row * (frequencies[pair] as number));
    const table = (value: number) => round(roundTable, { value: value * tableFactor, error: 3 * U * Math.abs(tableFactor) });
    const [cos, sin] = [table(Math.cos(angle)), table(Math.sin(angle))];
    const straight = round(roundProducts, times(exact(at(x, row, column)), cos));
    const turned = round(roundProducts, times(exact((isFirst ? -1 : 1) * at(x, row, other)), sin));
    return round(options.round, plus(straight, turned));
  });
}

export function siluMul(gate: Matrix, up: Matrix, { roundSilu, round: last }: SiluMulOptions): Reference {
  return build(gate.rows, gate.columns, (row, column) => {
    const value = at(gate, row, column);
    const power = expOf(exact(-value));
    const silu = value / (1 + power.value);
    const error = Math.abs(silu) * (power.error / (1 + power.value) + 3 * U);
    return round(last, times(round(roundSilu, { value: silu, error }), exact(at(up, row, column))));
  });
}

export function geluTanh(x: Matrix, rounding: Rounding): Reference {
  return build(x.rows, x.columns, (row, column) => {
    const value = at(x, row, column);
    const inner = Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3);
    // Five operations in the argument of exp, which then has its own error.
    const power = expOf({ value: -2 * inner, error: 5 * U * Math.abs(2 * inner) });
    // Where tanh is near -1 even float64 loses the digits that count; (1 + tanh(u)) / 2 is e²ᵘ / (1 + e²ᵘ).
    const share = inner > -1 ? (1 + Math.tanh(inner)) / 2 : Math.exp(2 * inner) / (1 + Math.exp(2 * inner));
    const gelu = value * share;
    // A device may take what is less than the least normal number for 0.
    const error = Math.abs(gelu) * (power.error / (1 + power.value) + 3 * U) + TINY;
    // WGSL promises the accuracy of a quotient for divisors up to 2^126; an H100 makes it 0 beyond.
    if (power.value > 2 ** 126) return round(rounding, { value: gelu, error: error + Math.abs(gelu) });
    return round(rounding, { value: gelu, error });
  });
}

export function add(a: Matrix, b: Matrix, rounding: Rounding): Reference {
  return build(a.rows, a.columns, (row, column) => round(rounding, { value: at(a, row, column) + at(b, row, column), error: 0 }));
}

export function attention(q: Matrix, k: Matrix, v: Matrix, options: AttentionOptions): Reference {
  const { heads, kvHeads, headDim } = options;
  const weights = Array.from({ length: q.rows * heads }, (_, index) => {
    const [row, head] = [Math.floor(index / heads), index % heads];
    return attentionWeights(q, k, row, head * headDim, Math.floor(head / (heads / kvHeads)) * headDim, options);
  });
  return build(q.rows, q.columns, (row, column) => {
    const [head, within] = [Math.floor(column / headDim), column % headDim];
    const offset = Math.floor(head / (heads / kvHeads)) * headDim + within;
    const { shares, divisor } = weights[row * heads + head] as Shares;
    let [value, error, size] = [0, 0, 0];
    shares.forEach((share, index) => {
      const element = at(v, row + 1 - shares.length + index, offset);
      value += share.value * element;
      error += share.error * Math.abs(element);
      size += Math.abs(share.value * element);
    });
    const mixed = { value: value / divisor.value, error: (error + (shares.length + 1) * U * size) / divisor.value };
    const relative = divisor.error / divisor.value;
    return round(options.round, { value: mixed.value, error: mixed.error + (relative + U) * Math.abs(mixed.value) });
  });
}

interface Shares {
  readonly shares: readonly Approximate[];
  /** What the mixed values are still to be divided by. */
  readonly divisor: Approximate;
}

function attentionWeights(q: Matrix, k: Matrix, row: number, qAt: number, kAt: number, options: AttentionOptions): Shares {
  const { headDim, scale, window = Number.POSITIVE_INFINITY, kind, round: rounding } = options;
  const inner = kind === "eager" ? rounding : "none";
  const others = Array.from({ length: row + 1 }, (_, other) => other).filter((other) => row - other < window);
  const scores = others.map((other) => {
    let [value, size] = [0, 0];
    for (let i = 0; i < headDim; i++) {
      const product = at(q, row, qAt + i) * at(k, other, kAt + i);
      value += product;
      size += Math.abs(product);
    }
    return round(inner, times(round(inner, { value, error: (headDim + 1) * U * size }), exact(scale)));
  });
  const max = scores.reduce((best, score) => (score.value > best.value ? score : best));
  const powers = scores.map((score) => expOf(plus(score, { value: -max.value, error: max.error })));
  const sum = powers.reduce((total, power) => total + power.value, 0);
  const error = powers.reduce((total, power) => total + power.error, 0) + others.length * U * sum;
  if (kind === "fused") return { shares: powers.map((power) => round(rounding, power)), divisor: { value: sum, error } };
  const shares = powers.map((power) => {
    const value = power.value / sum;
    return round(rounding, { value, error: power.error / sum + value * (error / sum + U) });
  });
  return { shares, divisor: exact(1) };
}
