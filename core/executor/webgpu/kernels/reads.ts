// Kernels of the reads: a group of threads per row, a few words of result for each. Distances and order are compared as bits, so
// that no NaN is lost.

import { type Kernel, perRow, THREADS } from "./kernel.js";
import { NUMERICS } from "./numerics.js";
import { MAX, SUM, together } from "./rows.js";

const MIN = together("min_all", "u32", "min(a, b)");
const COUNT = together("count_all", "u32", "a + b");

/** A loop over a row's elements, `at` each one's place. */
const over = (body: string): string => `
  for (var i = local; i < p.width; i += ${THREADS}u) {
    let at = row * p.width + i;
${body}
  }`;

/** The first of a row's largest elements; NaN and −∞ are never larger than another. */
export const ARGMAX: Kernel = {
  name: "argmax",
  params: { rows: "u32", width: "u32" },
  bindings: [
    { name: "x", type: "f32" },
    { name: "out", type: "u32", access: "read_write" }, // [T]
  ],
  code: `${NUMERICS}${MAX}${MIN}${perRow(`
  var largest = 0x007fffffu; // the order of -infinity
  var first = 0u;
  ${over("    let order = order_of(x[at]); if (order > largest) { largest = order; first = i; }")}
  let most = max_all(local, largest);
  first = min_all(local, select(0xffffffffu, first, largest == most));
  if (local == 0u) { out[row] = select(first, 0u, most == 0x007fffffu); }`)}`,
};

/** Words of one row's result: bit-equal elements; the largest distance as bits; its column; Σ|a − b|; Σa²; Σ(a·2⁻⁷²)²; the same two of b. */
export const DIFFERENCE_WORDS = 8;

export const DIFFERENCE: Kernel = {
  name: "difference",
  params: { rows: "u32", width: "u32" },
  bindings: [
    { name: "a", type: "f32" },
    { name: "b", type: "f32" },
    { name: "out", type: "u32", access: "read_write" }, // [T, 8]
  ],
  code: `${NUMERICS}${MAX}${MIN}${COUNT}${SUM}${perRow(`
  var equal = 0u;
  var largest = 0u;
  var first = 0u;
  var distances = 0.0;
  var squares = vec2f(); // of a, of b
  var small_squares = vec2f();
  ${over(`
    let left = bits_of(a[at]);
    let right = bits_of(b[at]);
    let isEqual = left == right;
    if (isEqual) { equal++; }
    var distance = select(bits_of(a[at] - b[at]) & 0x7fffffffu, 0u, isEqual);
    if (is_nan(left) || is_nan(right)) { distance = 0xffffffffu; }
    if (distance > largest) { largest = distance; first = i; }
    distances += bitcast<f32>(distance);
    let both = vec2f(a[at], b[at]);
    squares += both * both;
    let small = both * 2.1175823681357508e-22;
    small_squares += small * small;`)}
  let most = max_all(local, largest);
  first = min_all(local, select(0xffffffffu, first, largest == most));
  equal = count_all(local, equal);
  distances = sum_all(local, distances);
  squares = vec2f(sum_all(local, squares.x), sum_all(local, squares.y));
  small_squares = vec2f(sum_all(local, small_squares.x), sum_all(local, small_squares.y));
  if (local == 0u) {
    let at = row * ${DIFFERENCE_WORDS}u;
    out[at] = equal;
    out[at + 1u] = most;
    out[at + 2u] = select(first, 0u, most == 0u);
    out[at + 3u] = bits_of(distances);
    out[at + 4u] = bits_of(squares.x);
    out[at + 5u] = bits_of(small_squares.x);
    out[at + 6u] = bits_of(squares.y);
    out[at + 7u] = bits_of(small_squares.y);
  }`)}`,
};

/** WGSL: a row's largest element; of a row of NaN and −∞ alone, −∞. */
const largestOf = (name: string): string => `
  var order_${name} = 0x007fffffu;
  ${over(`    order_${name} = max(order_${name}, order_of(${name}[at]));`)}
  order_${name} = max_all(local, order_${name});
  let max_${name} = bitcast<f32>(select(~order_${name}, order_${name} & 0x7fffffffu, order_${name} >= 0x80000000u));`;

/** Words of one row's result: KL(softmax a ‖ softmax b), whether a has weight where b has none. */
export const DIVERGENCE_WORDS = 2;

/**
 * With p and q the rows' softmax and x = log q − log p, the sum of p·(e^x − 1 − x), to which the sums of p and q, both 1, add nothing.
 * No term is below 0 and near-equal rows' are tiny, so that neither sign nor size is lost in float32; a shift of all x by the
 * error δ of a row's total counts δ²/2.
 */
export const DIVERGENCE: Kernel = {
  name: "divergence",
  params: { rows: "u32", width: "u32" },
  bindings: [
    { name: "a", type: "f32" },
    { name: "b", type: "f32" },
    { name: "out", type: "u32", access: "read_write" }, // [T, 2]
  ],
  code: `${NUMERICS}${MAX}${SUM}
// e^x - 1 - x
fn surplus(x: f32) -> f32 {
  let series = x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x / 5040.0)))));
  return select(exp_of(x) - 1.0 - x, series, abs(x) < 0.5);
}
${perRow(`
  ${largestOf("a")}
  ${largestOf("b")}
  var total_a = 0.0;
  var total_b = 0.0;
  ${over(`
    total_a += exp_of(a[at] - max_a);
    total_b += exp_of(b[at] - max_b);`)}
  total_a = sum_all(local, total_a);
  total_b = sum_all(local, total_b);
  let log_a = log(total_a);
  let log_b = log(total_b);
  var divergence = 0.0;
  var forbidden = 0u;
  ${over(`
    // Each against its own largest before they meet: far from 0, their difference would lose what a logit means.
    let left = (a[at] - max_a) - log_a;
    let right = (b[at] - max_b) - log_b;
    if (left > -745.0 && bits_of(b[at]) == 0xff800000u) { forbidden = 1u; } // e^-745 is the least float64
    else if (left < -87.0) { divergence += exp_of(right); } // of p, nothing is left in float32
    else { divergence += exp_of(left) * surplus(right - left); }`)}
  divergence = sum_all(local, divergence);
  forbidden = max_all(local, forbidden);
  if (local == 0u) {
    out[row * ${DIVERGENCE_WORDS}u] = bits_of(divergence);
    out[row * ${DIVERGENCE_WORDS}u + 1u] = forbidden;
  }`)}`,
};
