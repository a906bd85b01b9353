// The k largest of each named row without sorting it: the order of the k-th is found digit by digit, 8 bits a time, then all above
// it are gathered, and of its equals the first ones. They come in no order; the host sorts k of them.

import { type Kernel, perRow, THREADS } from "./kernel.js";
import { NUMERICS } from "./numerics.js";
import { SUM } from "./rows.js";

/** Words before a row's k pairs of token and logit: its largest element, Σe^(x − largest). */
export const TOP_K_HEAD = 2;

export const TOP_K: Kernel = {
  name: "topK",
  params: { rows: "u32", width: "u32", k: "u32" },
  bindings: [
    { name: "x", type: "f32" },
    { name: "chosen", type: "u32" }, // [rows]: which rows of x
    { name: "out", type: "u32", access: "read_write" }, // [rows, 2 + 2k]
  ],
  code: `${NUMERICS}${SUM}
var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> digit_found: u32;
var<workgroup> left_to_find: u32;
var<workgroup> largest: atomic<u32>;
var<workgroup> taken: atomic<u32>;
var<workgroup> equals: array<u32, ${THREADS}>;
${perRow(`
  let first = chosen[row] * p.width;
  let target_at = row * (${TOP_K_HEAD}u + 2u * p.k);
  // The order of the k-th largest: of all that share its first digits, the k-th counted from above.
  var prefix = 0u;
  var wanted = p.k;
  if (local == 0u) {
    atomicStore(&largest, 0u);
    atomicStore(&taken, 0u);
  }
  for (var shift = 24i; shift >= 0; shift -= 8) {
    atomicStore(&counts[local], 0u);
    workgroupBarrier();
    for (var i = local; i < p.width; i += ${THREADS}u) {
      let order = order_of(x[first + i]);
      if (shift == 0i) { atomicMax(&largest, order); }
      if (shift == 24i || (order >> u32(shift + 8)) == (prefix >> u32(shift + 8))) {
        atomicAdd(&counts[(order >> u32(shift)) & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (local == 0u) {
      var left = wanted;
      var digit = 255u;
      while (digit > 0u && atomicLoad(&counts[digit]) < left) {
        left -= atomicLoad(&counts[digit]);
        digit--;
      }
      digit_found = digit;
      left_to_find = left;
    }
    prefix |= workgroupUniformLoad(&digit_found) << u32(shift);
    wanted = workgroupUniformLoad(&left_to_find);
  }
  // A thread's stretch of the row, in order, so that the first equals are known by counting.
  let stretch = (p.width + ${THREADS - 1}u) / ${THREADS}u;
  let start = min(local * stretch, p.width);
  let stop = min(start + stretch, p.width);
  var mine = 0u;
  for (var i = start; i < stop; i++) { if (order_of(x[first + i]) == prefix) { mine++; } }
  equals[local] = mine;
  workgroupBarrier();
  var before = 0u;
  for (var i = 0u; i < local; i++) { before += equals[i]; }
  for (var i = start; i < stop; i++) {
    let order = order_of(x[first + i]);
    var place = p.k;
    if (order > prefix) { place = atomicAdd(&taken, 1u); }
    if (order == prefix) {
      if (before < wanted) { place = p.k - wanted + before; }
      before++;
    }
    if (place < p.k) {
      out[target_at + ${TOP_K_HEAD}u + 2u * place] = i;
      out[target_at + ${TOP_K_HEAD + 1}u + 2u * place] = bits_of(x[first + i]);
    }
  }
  let most = max(atomicLoad(&largest), 0x007fffffu);
  let max_x = bitcast<f32>(select(~most, most & 0x7fffffffu, most >= 0x80000000u));
  var total = 0.0;
  for (var i = local; i < p.width; i += ${THREADS}u) { total += exp_of(x[first + i] - max_x); }
  total = sum_all(local, total);
  if (local == 0u) {
    out[target_at] = bits_of(max_x);
    out[target_at + 1u] = bits_of(total);
  }`)}`,
};
