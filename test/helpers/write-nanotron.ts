// Nanotron's parameter files written by hand from whole parameters, by the format's rules alone, with nothing of core in it.
// Source: core/layout/nanotron/README.md; for the metadata, golden checkpoints that Nanotron itself wrote.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RawTensor } from "./folders.js";

export interface HandMadeParameter {
  /** e.g. `model.decoder.0.pp_block.attn.qkv_proj.weight` */
  readonly name: string;
  readonly whole: RawTensor;
  /** The axis that ranks share; undefined for one that is saved once. */
  readonly axis?: 0 | 1;
  /** Rows of each chunk that is cut on its own; by default there is one. */
  readonly chunks?: readonly number[];
}

const OPEN = "None,None,None";

export function writeParameter(folder: string, parameter: HandMadeParameter, tp: number): void {
  const { name, whole, axis } = parameter;
  const parts = name.split(".");
  const leaf = parts.pop();
  const path = join(folder, "model", ...parts);
  mkdirSync(path, { recursive: true });
  if (axis === undefined) writeFile(join(path, `model_${leaf}.safetensors`), whole, {});
  for (let rank = 0; axis !== undefined && rank < tp; rank++) {
    const slice = axis === 0 ? rowsOfRank(parameter, rank, tp) : columnsOfRank(parameter, rank, tp);
    const unsharded = `(${whole.shape.join(", ")}${whole.shape.length === 1 ? "," : ""})`;
    const metadata = { version: "1.5", unsharded_shape: unsharded, local_global_slices_pairs: slice.pairs };
    writeFile(join(path, `model_${leaf}_pp-rank-0-of-1_tp-rank-${rank}-of-${tp}.safetensors`), slice.tensor, metadata);
  }
}

interface Slice {
  readonly tensor: RawTensor;
  readonly pairs: string;
}

const itemOf = ({ shape, data }: RawTensor): number => data.length / shape.reduce((product, size) => product * size, 1);

/** A rank's rows are its part of each chunk, one after another. */
function rowsOfRank({ whole, chunks = [whole.shape[0] ?? 0] }: HandMadeParameter, rank: number, tp: number): Slice {
  const [rows = 0, ...inner] = whole.shape;
  const rowBytes = whole.data.length / rows;
  const others = inner.map(() => `|${OPEN}`).join("");
  let [start, local] = [0, 0];
  const taken: Buffer[] = [];
  const pairs: string[] = [];
  for (const size of chunks) {
    const [from, to] = [start + (rank * size) / tp, start + ((rank + 1) * size) / tp];
    taken.push(whole.data.subarray(from * rowBytes, to * rowBytes));
    const here = chunks.length === 1 ? OPEN : `${local},${local + to - from},None`;
    pairs.push(`${here}${others}#${from},${to},None${others}`);
    local += to - from;
    start += size;
  }
  return { tensor: { dtype: whole.dtype, shape: [local, ...inner], data: Buffer.concat(taken) }, pairs: pairs.join(";") };
}

function columnsOfRank({ whole }: HandMadeParameter, rank: number, tp: number): Slice {
  const [rows = 0, columns = 0] = whole.shape;
  const item = itemOf(whole);
  const [from, to] = [(rank * columns) / tp, ((rank + 1) * columns) / tp];
  const taken = Array.from({ length: rows }, (_, row) => whole.data.subarray((row * columns + from) * item, (row * columns + to) * item));
  const pairs = `${OPEN}|${OPEN}#${OPEN}|${from},${to},None`;
  return { tensor: { dtype: whole.dtype, shape: [rows, to - from], data: Buffer.concat(taken) }, pairs };
}

function writeFile(path: string, { dtype, shape, data }: RawTensor, metadata: object): void {
  const json = JSON.stringify({ __metadata__: metadata, data: { dtype, shape, data_offsets: [0, data.length] } });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([prefix, header, data]));
}
