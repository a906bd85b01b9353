// A safetensors file rewritten with other tensors, its metadata kept.

import { readFileSync, writeFileSync } from "node:fs";
import type { RawTensor } from "../folders.js";

export type RawTensors = ReadonlyMap<string, RawTensor>;

export interface WeightFile {
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly tensors: RawTensors;
}

export function readWeightFile(path: string): WeightFile {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
  const tensors = new Map<string, RawTensor>();
  for (const [name, { dtype, shape, data_offsets: at }] of Object.entries<{
    dtype: string;
    shape: number[];
    data_offsets: [number, number];
  }>(entries)) {
    tensors.set(name, { dtype, shape, data: bytes.subarray(start + at[0], start + at[1]) });
  }
  return { metadata, tensors };
}

export function writeWeightFile(path: string, { metadata, tensors }: WeightFile): void {
  let offset = 0;
  const entries = [...tensors].map(([name, { dtype, shape, data }]) => {
    const start = offset;
    offset += data.length;
    return [name, { dtype, shape, data_offsets: [start, offset] }];
  });
  const said = metadata === undefined ? {} : { __metadata__: metadata };
  const json = JSON.stringify({ ...said, ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([prefix, header, ...[...tensors.values()].map(({ data }) => data)]));
}
