// Causal grouped-query attention for 64 queries of one head at a time, over 32 keys at a time, in two passes: the first finds
// each query's largest score and the sum of its weights, the second weighs the values. Scores are computed twice and never kept,
// so that every weight is rounded against the final maximum, as the op demands.
//
// Letters as in executor.ts. Threads form 16 × 16: a thread has 4 queries by 2 keys of the scores, 4 queries by D / 16 of the result.

import type { AttentionOptions } from "../../executor.js";
import { type Kernel, THREADS } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";

/** Queries of one group. */
export const QUERIES = 64;
const KEYS = 32;
/** Columns of q and k in group memory at a time. */
const STEP = 16;

const ROWS = [0, 1, 2, 3];

export const attentionKernel = ({ headDim, kind, round }: AttentionOptions): Kernel => ({
  name: `attention ${headDim} ${kind} ${round}`,
  params: { rows: "u32", heads: "u32", kvHeads: "u32", window: "u32", scale: "f32" },
  bindings: [
    { name: "q", type: "f32" }, // [T, A·D]
    { name: "k", type: "f32" }, // [T, K·D]
    { name: "v", type: "f32" }, // [T, K·D]
    { name: "out", type: "f32", access: "read_write" }, // [T, A·D]
  ],
  code: `${NUMERICS}
const D = ${headDim}u;
const LOWEST = -3.4028234e38;
var<workgroup> tile_q: array<f32, ${QUERIES * (STEP + 1)}>;
var<workgroup> tile_k: array<f32, ${KEYS * (STEP + 1)}>;
var<workgroup> weights: array<f32, ${QUERIES * (KEYS + 1)}>; // scores in the first pass
var<workgroup> largest: array<f32, ${QUERIES * 4}>;
var<workgroup> total: array<f32, ${QUERIES * 4}>;

fn is_seen(key: u32, query: u32) -> bool { return key <= query && key + p.window > query; }
fn score(sum: f32) -> f32 { return ${inner({ kind, round })}(${inner({ kind, round })}(sum) * p.scale); }

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first_query = group.x * ${QUERIES}u;
  let head = group.y;
  let q_stride = p.heads * D;
  let k_stride = p.kvHeads * D;
  let q_offset = head * D;
  let k_offset = (head / (p.heads / p.kvHeads)) * D;
  let seen = min(first_query + ${QUERIES}u, p.rows); // keys that any query here may see
  let first_seen = first_query - min(first_query, p.window - 1u); // and the first of them
  let across = local % 16u;
  let down = local / 16u;
  let my_query = local / 4u; // in the first pass a query has 4 threads, each with 8 of the 32 keys
  var my_largest = LOWEST;
  var my_total = 0.0;
  for (var first_key = first_seen; first_key < seen; first_key += ${KEYS}u) {
${scores()}
${ROWS.flatMap((i) => [0, 1].map((j) => `    weights[(down * 4u + ${i}u) * ${KEYS + 1}u + across + ${16 * j}u] = score(s${i}${j});`)).join("\n")}
    workgroupBarrier();
    for (var j = local % 4u; j < ${KEYS}u; j += 4u) {
      if (first_key + j > first_query + my_query) { break; }
      if (first_key + j + p.window <= first_query + my_query) { continue; }
      let value = weights[my_query * ${KEYS + 1}u + j];
      if (value > my_largest) {
        my_total = my_total * exp_of(my_largest - value);
        my_largest = value;
      }
      my_total += exp_of(value - my_largest);
    }
    workgroupBarrier();
  }
  largest[local] = my_largest;
  total[local] = my_total;
  workgroupBarrier();
  if (local < ${QUERIES}u) {
    let at = local * 4u;
    let most = max(max(largest[at], largest[at + 1u]), max(largest[at + 2u], largest[at + 3u]));
    var sum = 0.0;
    for (var i = 0u; i < 4u; i++) { sum += total[at + i] * exp_of(largest[at + i] - most); }
    largest[at] = most;
    total[at] = sum;
  }
  workgroupBarrier();
${ROWS.map((i) => `  let most${i} = largest[(down * 4u + ${i}u) * 4u]; let sum${i} = total[(down * 4u + ${i}u) * 4u];`).join("\n")}
${ROWS.flatMap((i) => columns(headDim).map((c) => `  var o${i}_${c} = 0.0;`)).join("\n")}
  for (var first_key = first_seen; first_key < seen; first_key += ${KEYS}u) {
${scores()}
${ROWS.flatMap((i) => [0, 1].map((j) => weigh(i, j, { kind, round }))).join("\n")}
    workgroupBarrier();
    for (var j = 0u; j < min(${KEYS}u, seen - first_key); j++) {
${ROWS.map((i) => `      let w${i} = weights[(down * 4u + ${i}u) * ${KEYS + 1}u + j];`).join("\n")}
      let at = (first_key + j) * k_stride + k_offset + across;
${columns(headDim)
  .map((c) => `      var value_${c} = 0.0; ${guard(c, headDim)}{ value_${c} = v[at + ${16 * c}u]; }`)
  .join("\n")}
${ROWS.map((i) => mix(i, headDim)).join("\n")}
    }
    workgroupBarrier();
  }
${ROWS.map(
  (i) => `  if (first_query + down * 4u + ${i}u < p.rows) {
    let at = (first_query + down * 4u + ${i}u) * q_stride + q_offset + across;
${columns(headDim)
  .map((c) => `    ${guard(c, headDim)}{ out[at + ${16 * c}u] = ${rounder(round)}(o${i}_${c}${kind === "fused" ? ` / sum${i}` : ""}); }`)
  .join("\n")}
  }`,
).join("\n")}
}`,
});

/** Where eager attention rounds on the way to its probabilities. */
const inner = ({ kind, round }: Pick<AttentionOptions, "kind" | "round">): string => rounder(kind === "eager" ? round : "none");

/** A thread's columns of the result: across, across + 16, … */
const columns = (headDim: number): number[] => Array.from({ length: Math.ceil(headDim / 16) }, (_, index) => index);

/** The last columns may lie beyond a head whose size 16 does not divide. */
const guard = (column: number, headDim: number): string => (16 * (column + 1) > headDim ? `if (across + ${16 * column}u < D) ` : "");

/** WGSL: s00 … s31, a thread's products of 4 queries with 2 keys, through group memory. */
const scores = (): string => `
${ROWS.map((i) => `    var s${i}0 = 0.0; var s${i}1 = 0.0;`).join("\n")}
    for (var d = 0u; d < D; d += ${STEP}u) {
      for (var i = local; i < ${QUERIES * STEP}u; i += ${THREADS}u) {
        let row = first_query + i / ${STEP}u;
        let column = d + i % ${STEP}u;
        var value = 0.0;
        if (row < p.rows && column < D) { value = q[row * q_stride + q_offset + column]; }
        tile_q[(i / ${STEP}u) * ${STEP + 1}u + i % ${STEP}u] = value;
      }
      for (var i = local; i < ${KEYS * STEP}u; i += ${THREADS}u) {
        let row = first_key + i / ${STEP}u;
        let column = d + i % ${STEP}u;
        var value = 0.0;
        if (row < p.rows && column < D) { value = k[row * k_stride + k_offset + column]; }
        tile_k[(i / ${STEP}u) * ${STEP + 1}u + i % ${STEP}u] = value;
      }
      workgroupBarrier();
      for (var i = 0u; i < ${STEP}u; i++) {
        let k0 = tile_k[across * ${STEP + 1}u + i];
        let k1 = tile_k[(across + 16u) * ${STEP + 1}u + i];
${ROWS.map((i) => `        let q${i} = tile_q[(down * 4u + ${i}u) * ${STEP + 1}u + i]; s${i}0 = fma(q${i}, k0, s${i}0); s${i}1 = fma(q${i}, k1, s${i}1);`).join("\n")}
      }
      workgroupBarrier();
    }`;

/** WGSL: the weight of query i for key j into group memory, 0 where it may not look. */
function weigh(i: number, j: number, { kind, round }: Pick<AttentionOptions, "kind" | "round">): string {
  const power = `exp_of(score(s${i}${j}) - most${i})`;
  const weight = `${rounder(round)}(${kind === "eager" ? `${power} / sum${i}` : power})`;
  const isSeen = `is_seen(first_key + across + ${16 * j}u, first_query + down * 4u + ${i}u)`;
  return `    weights[(down * 4u + ${i}u) * ${KEYS + 1}u + across + ${16 * j}u] = select(0.0, ${weight}, ${isSeen});`;
}

/** WGSL: key j's value to query i's result. One it may not see must not even count 0 times: were it infinite, that would be NaN. */
const mix = (i: number, headDim: number): string =>
  `      if (is_seen(first_key + j, first_query + down * 4u + ${i}u)) { ${columns(headDim)
    .map((c) => `o${i}_${c} = fma(w${i}, value_${c}, o${i}_${c});`)
    .join(" ")} }`;
