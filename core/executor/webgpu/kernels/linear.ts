// x · Wᵀ in tiles of results, 8 × 8 in each thread's registers. x and W pass through group memory 32 columns at a time, as quads of
// four rows at one column, so that a thread reads its operands four at a time; the next 32 are fetched while these are multiplied.
//
// A quad is kept at place (quad ^ column / 4): threads that write the same quad of neighbouring columns meet different banks.
// 32 neighbouring threads have 64 × 32 results: 8 of them down, 4 across.

import type { DType } from "../../../tensor/dtype.js";
import type { Rounding } from "../../executor.js";
import { type Kernel, perElement } from "./kernel.js";
import { NUMERICS, rounder } from "./numerics.js";
import { expander, loadStored } from "./stored.js";

/** Results of one group: so many rows of x by so many of the weight; multiples of 64 and of 32, powers of two. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

const PARAMS = {
  rows: "u32", // T
  width: "u32", // H
  weightRows: "u32", // of this part of the weight
  outWidth: "u32", // O
  firstColumn: "u32", // the column of `out` that the part's first row gives
  hasBias: "u32",
} as const;

/** Columns of x and W in group memory at a time. */
const DEPTH = 32;

/** For H divisible by 4, whatever T and O are. */
export function linearKernel(dtype: DType, round: Rounding, tile: Tile): Kernel {
  const threads = (tile.rows * tile.columns) / 64;
  const sides = [side("x", tile.rows, threads), side("w", tile.columns, threads)];
  return {
    name: `linear ${dtype} ${round} ${tile.rows} ${tile.columns}`,
    params: PARAMS,
    bindings: [
      { name: "x", type: "vec4f" }, // [T, H / 4]
      { name: "weight", type: dtype === "F32" ? "vec4f" : "vec2u" }, // [weightRows, H / 4]
      { name: "bias", type: "f32" }, // [O]
      { name: "out", type: "f32", access: "read_write" }, // [T, O]
    ],
    code: `${NUMERICS}
${loadWeight(dtype)}
var<workgroup> tile_x: array<vec4f, ${DEPTH * (tile.rows / 4)}>; // [columns, quads]
var<workgroup> tile_w: array<vec4f, ${DEPTH * (tile.columns / 4)}>;

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

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let first_x = group.x * ${tile.rows}u;
  let first_w = group.y * ${tile.columns}u;
  let warp = local / 32u;
  let at_x = (warp / ${tile.columns / 32}u) * 16u + (local % 32u) / 4u; // this thread's quads: at, at + 8
  let at_w = (warp % ${tile.columns / 32}u) * 8u + local % 4u; // at, at + 4
${eachSum((name) => `  var ${name} = vec4f();`)}
  var quarter = local % 8u;
${sides.map(({ declare }) => declare).join("\n")}
  for (var column = 0u; column < p.width; column += ${DEPTH}u) {
    workgroupBarrier();
${sides.map(({ store }) => store).join("\n")}
    workgroupBarrier();
    quarter += ${DEPTH / 4}u;
${sides.map(({ load }) => load).join("\n")}
    for (var k = 0u; k < ${DEPTH}u; k++) {
      let turn = k / 4u;
      let row_x = k * ${tile.rows / 4}u;
      let row_w = k * ${tile.columns / 4}u;
      let a0 = tile_x[row_x + (at_x ^ turn)];
      let a1 = tile_x[row_x + ((at_x + 8u) ^ turn)];
      let b0 = tile_w[row_w + (at_w ^ turn)];
      let b1 = tile_w[row_w + ((at_w + 4u) ^ turn)];
${eachSum((name, a, b, lane) => `      ${name} += ${a}.${lane} * ${b};`)}
    }
  }
  var sums = array(${eachSum((name) => name)
    .split("\n")
    .join(", ")});
  for (var i = 0u; i < 16u; i++) {
    finish(first_x + (at_x + 8u * (i / 8u)) * 4u + (i / 2u) % 4u, first_w + (at_w + 4u * (i % 2u)) * 4u, sums[i]);
  }
}`,
  };
}

/** How a thread takes its share of one operand, in blocks of 4 rows by 4 columns, from memory into registers and on to the tile. */
function side(name: "x" | "w", rows: number, threads: number): { declare: string; load: string; store: string } {
  const blocks = Array.from({ length: (rows * 2) / threads }, (_, index) => index);
  const each = (line: (register: string, row: string) => string) =>
    blocks
      .flatMap((block) =>
        [0, 1, 2, 3].map((row) => line(`${name}${block}_${row}`, `first_${name} + (local + ${block * threads}u) / 8u * 4u + ${row}u`)),
      )
      .join("\n");
  const storeColumn = (block: number, column: number) => {
    const quad = [0, 1, 2, 3].map((row) => `${name}${block}_${row}.${"xyzw"[column]}`).join(", ");
    return `    tile_${name}[((local % 8u) * 4u + ${column}u) * ${rows / 4}u + (((local + ${block * threads}u) / 8u) ^ (local % 8u))] = vec4f(${quad});`;
  };
  return {
    declare: each((register, row) => `  var ${register} = ${name}_quad(${row}, quarter);`),
    load: each((register, row) => `    ${register} = ${name}_quad(${row}, quarter);`),
    store: blocks.flatMap((block) => [0, 1, 2, 3].map((column) => storeColumn(block, column))).join("\n"),
  };
}

/** A thread's 16 quads of sums: 8 rows of x, each with two quads of the weight's rows. */
function eachSum(line: (name: string, a: string, b: string, lane: string) => string): string {
  const rows = ["a0", "a1"].flatMap((a) => [..."xyzw"].map((lane) => ({ a, lane })));
  return rows.flatMap(({ a, lane }) => ["b0", "b1"].map((b) => line(`sum_${a}_${lane}_${b}`, a, b, lane))).join("\n");
}

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
