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

/** Words of one row's result: bit-equal elements; the largest distance as bits; its column; Σ|a − b|; Σa²; Σ(a·2⁻⁴⁸)². */
export const DIFFERENCE_WORDS = 6;

export const DIFFERENCE: Kernel = {
  name: "difference",
  params: { rows: "u32", width: "u32" },
  bindings: [
    { name: "a", type: "f32" },
    { name: "b", type: "f32" },
    { name: "out", type: "u32", access: "read_write" }, // [T, 6]
  ],
  code: `${NUMERICS}${MAX}${MIN}${COUNT}${SUM}${perRow(`
  var equal = 0u;
  var largest = 0u;
  var first = 0u;
  var distances = 0.0;
  var squares = 0.0;
  var small_squares = 0.0;
  ${over(`
    let left = bits_of(a[at]);
    let right = bits_of(b[at]);
    let isEqual = left == right;
    if (isEqual) { equal++; }
    var distance = select(bits_of(a[at] - b[at]) & 0x7fffffffu, 0u, isEqual);
    if (is_nan(left) || is_nan(right)) { distance = 0xffffffffu; }
    if (distance > largest) { largest = distance; first = i; }
    distances += bitcast<f32>(distance);
    squares += a[at] * a[at];
    let small = a[at] * 3.5527136788005009e-15;
    small_squares += small * small;`)}
  let most = max_all(local, largest);
  first = min_all(local, select(0xffffffffu, first, largest == most));
  equal = count_all(local, equal);
  distances = sum_all(local, distances);
  squares = sum_all(local, squares);
  small_squares = sum_all(local, small_squares);
  if (local == 0u) {
    let at = row * ${DIFFERENCE_WORDS}u;
    out[at] = equal;
    out[at + 1u] = most;
    out[at + 2u] = select(first, 0u, most == 0u);
    out[at + 3u] = bits_of(distances);
    out[at + 4u] = bits_of(squares);
    out[at + 5u] = bits_of(small_squares);
  }`)}`,
};

/** WGSL: a row's largest element; of a row of NaN and −∞ alone, −∞. */
const largestOf = (name: string): string => `
  var order_${name} = 0x007fffffu;
  ${over(`    order_${name} = max(order_${name}, order_of(${name}[at]));`)}
  order_${name} = max_all(local, order_${name});
  let max_${name} = bitcast<f32>(select(~order_${name}, order_${name} & 0x7fffffffu, order_${name} >= 0x80000000u));`;

/**
 * Words of one row's result: Σe^(a − max a), Σe^(b − max b), Σe^(a − max a)·((a − max a) − (b − max b)), whether a
 * has weight where b has none.
 */
export const DIVERGENCE_WORDS = 4;

export const DIVERGENCE: Kernel = {
  name: "divergence",
  params: { rows: "u32", width: "u32" },
  bindings: [
    { name: "a", type: "f32" },
    { name: "b", type: "f32" },
    { name: "out", type: "u32", access: "read_write" }, // [T, 4]
  ],
  code: `${NUMERICS}${MAX}${SUM}${perRow(`
  ${largestOf("a")}
  ${largestOf("b")}
  var total_a = 0.0;
  var total_b = 0.0;
  var weighted = 0.0;
  var forbidden = 0u;
  ${over(`
    // Against their largest before they meet: far from 0, their own difference would lose what a logit means.
    let left = a[at] - max_a;
    let right = b[at] - max_b;
    let power = exp_of(left);
    total_a += power;
    total_b += exp_of(right);
    if (bits_of(power) != 0u) {
      if (bits_of(b[at]) == 0xff800000u) { forbidden = 1u; } else { weighted += power * (left - right); }
    }`)}
  total_a = sum_all(local, total_a);
  total_b = sum_all(local, total_b);
  weighted = sum_all(local, weighted);
  forbidden = max_all(local, forbidden);
  if (local == 0u) {
    let at = row * ${DIVERGENCE_WORDS}u;
    out[at] = bits_of(total_a);
    out[at + 1u] = bits_of(total_b);
    out[at + 2u] = bits_of(weighted);
    out[at + 3u] = forbidden;
  }`)}`,
};
