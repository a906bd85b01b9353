// x · Wᵀ. Tiles of 128 × 128 results, 8 × 8 in each thread's registers; x and W pass through group memory 32 columns at a time,
// as quads of four rows at one column, so that a thread reads its operands four at a time.
//
// Quads are kept at place (quad ^ column / 4): threads that write the same quad of neighbouring columns meet different banks.

import type { DType } from "../../../tensor/dtype.js";
import type { Rounding } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";
import { expander, loadStored } from "./stored.js";

/** Results of one group: TILE rows of x by TILE rows of the weight. */
export const TILE = 128;

const PARAMS = {
  rows: "u32", // T
  width: "u32", // H
  weightRows: "u32", // of this part of the weight
  outWidth: "u32", // O
  firstColumn: "u32", // the column of `out` that the part's first row gives
  hasBias: "u32",
} as const;

/** For H divisible by 4, whatever T and O are. */
export const linearKernel = (dtype: DType, round: Rounding): Kernel => ({
  name: `linear ${dtype} ${round}`,
  params: PARAMS,
  bindings: [
    { name: "x", type: "vec4f" }, // [T, H / 4]
    { name: "weight", type: dtype === "F32" ? "vec4f" : "vec2u" }, // [weightRows, H / 4]
    { name: "bias", type: "f32" }, // [O]
    { name: "out", type: "f32", access: "read_write" }, // [T, O]
  ],
  code: `${NUMERICS}
${loadWeight(dtype)}
var<workgroup> tile_x: array<vec4f, 1024>; // [32 columns, 32 quads]
var<workgroup> tile_w: array<vec4f, 1024>;

fn x_quad(row: u32, quarter: u32) -> vec4f {
  if (row >= p.rows || quarter >= p.width / 4u) { return vec4f(); }
  return x[row * (p.width / 4u) + quarter];
}

fn w_quad(row: u32, quarter: u32) -> vec4f {
  if (row >= p.weightRows || quarter >= p.width / 4u) { return vec4f(); }
  return weight_quad(row * (p.width / 4u) + quarter);
}

fn finish(row: u32, column: u32, sums: vec4f) {
  if (row >= p.rows) { return; }
  for (var i = 0u; i < 4u; i++) {
    if (column + i >= p.weightRows) { return; }
    let at = p.firstColumn + column + i;
    var sum = sums[i];
    if (p.hasBias != 0u) { sum += bias[at]; }
    out[row * p.outWidth + at] = ${rounder(round)}(sum);
  }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first_row = group.x * ${TILE}u;
  let first_column = group.y * ${TILE}u;
  // As a loader, a thread takes 4 rows by 4 columns.
  let load_column = local % 8u;
  let load_quad = local / 8u;
  let load_x = first_row + load_quad * 4u;
  let load_w = first_column + load_quad * 4u;
  let place = load_quad ^ load_column;
  // As a multiplier, it has quads at, at + 8 of x and at, at + 4 of the weight; a warp has 64 by 32 results.
  let quad_x = (local / 128u) * 16u + (local % 32u) / 4u;
  let quad_w = ((local / 32u) % 4u) * 8u + local % 4u;
${eachSum((name) => `  var ${name} = vec4f();`)}
  for (var column = 0u; column < p.width; column += 32u) {
    let quarter = column / 4u + load_column;
    let x0 = x_quad(load_x, quarter); let x1 = x_quad(load_x + 1u, quarter);
    let x2 = x_quad(load_x + 2u, quarter); let x3 = x_quad(load_x + 3u, quarter);
    let w0 = w_quad(load_w, quarter); let w1 = w_quad(load_w + 1u, quarter);
    let w2 = w_quad(load_w + 2u, quarter); let w3 = w_quad(load_w + 3u, quarter);
    workgroupBarrier();
${[0, 1, 2, 3].map(storeColumn).join("\n")}
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let row = k * 32u;
      let turn = k / 4u;
      let a0 = tile_x[row + (quad_x ^ turn)]; let a1 = tile_x[row + ((quad_x + 8u) ^ turn)];
      let b0 = tile_w[row + (quad_w ^ turn)]; let b1 = tile_w[row + ((quad_w + 4u) ^ turn)];
${eachSum((name, a, b, lane) => `      ${name} = ${name} + vec4f(${a}.${lane}) * ${b};`)}
    }
  }
  var sums = array(${sumNames().join(", ")});
  for (var i = 0u; i < 16u; i++) {
    let row = first_row + (quad_x + 8u * (i / 8u)) * 4u + (i / 2u) % 4u;
    finish(row, first_column + (quad_w + 4u * (i % 2u)) * 4u, sums[i]);
  }
}`,
});

const storeColumn = (index: number): string => {
  const lane = "xyzw"[index];
  const at = `(load_column * 4u + ${index}u) * 32u + place`;
  return `    tile_x[${at}] = vec4f(x0.${lane}, x1.${lane}, x2.${lane}, x3.${lane});
    tile_w[${at}] = vec4f(w0.${lane}, w1.${lane}, w2.${lane}, w3.${lane});`;
};

/** A thread's 16 quads of sums: 8 rows of x, each with two quads of the weight's rows. */
function eachSum(line: (name: string, a: string, b: string, lane: string) => string): string {
  const rows = ["a0", "a1"].flatMap((a) => [..."xyzw"].map((lane) => ({ a, lane })));
  return rows.flatMap(({ a, lane }) => ["b0", "b1"].map((b) => line(`sum_${a}_${lane}_${b}`, a, b, lane))).join("\n");
}

const sumNames = (): string[] => eachSum((name) => name).split("\n");

const loadWeight = (dtype: DType): string =>
  dtype === "F32"
    ? "fn weight_quad(at: u32) -> vec4f { return weight[at]; }"
    : `fn weight_quad(at: u32) -> vec4f {
  let pair = weight[at];
  return vec4f(${[0, 1].flatMap((word) => [`${expander(dtype)}(pair[${word}] & 0xffffu)`, `${expander(dtype)}(pair[${word}] >> 16u)`]).join(", ")});
}`;

/** For any H: one thread per result. */
export const oddLinearKernel = (dtype: DType, round: Rounding): Kernel => ({
  name: `odd linear ${dtype} ${round}`,
  params: { count: "u32", ...PARAMS },
  bindings: [
    { name: "x", type: "f32" },
    { name: "weight", type: "u32" },
    { name: "bias", type: "f32" },
    { name: "out", type: "f32", access: "read_write" },
  ],
  code: `${NUMERICS}${loadStored(dtype)}${perElement(`
  let row = i / p.weightRows;
  let column = i % p.weightRows;
  var sum = 0.0;
  for (var k = 0u; k < p.width; k++) { sum = fma(x[row * p.width + k], stored(column * p.width + k), sum); }
  let at = p.firstColumn + column;
  if (p.hasBias != 0u) { sum += bias[at]; }
  out[row * p.outWidth + at] = ${rounder(round)}(sum);`)}`,
});
