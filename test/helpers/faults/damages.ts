// Damage that is in no catalogue: what a diagnosis must have no name for.

import { uniform } from "../random.js";
import { openFiles } from "./checkpoint-files.js";
import { inside } from "./model-parts.js";
import { readRows, writeRows } from "./rows.js";

/** In models of three layers or more. */
export const damages: Readonly<Record<string, (folder: string) => void>> = {
  "two elements": (folder) => {
    const [part] = inside(openFiles(folder), 1, "down");
    const bytes = part?.read() ?? Buffer.alloc(0);
    for (const at of [8, 80]) bytes[at] = (bytes[at] ?? 0) ^ 1;
    part?.write(bytes);
  },
  "rows of o_proj shuffled": (folder) => {
    const next = uniform(5);
    for (const part of inside(openFiles(folder), 1, "o")) {
      const rows = readRows(part).map((row) => ({ row: Buffer.from(row), at: next() }));
      writeRows(
        part,
        rows.sort((a, b) => a.at - b.at).map(({ row }) => row),
      );
    }
  },
  "a tensor of small noise": (folder) => {
    const [part] = inside(openFiles(folder), 0, "qkv");
    part?.write((part.read() ?? Buffer.alloc(0)).map((byte, at) => (at % 2 === 0 ? byte ^ 1 : byte)));
  },
  "the attention of two layers exchanged, and nothing else of them": (folder) => {
    const [first, second] = [1, 2].map((layer) => inside(openFiles(folder), layer, "qkv"));
    const bytes = (first ?? []).map((part) => part.read());
    first?.forEach((part, rank) => part.write(second?.[rank]?.read() ?? Buffer.alloc(0)));
    second?.forEach((part, rank) => part.write(bytes[rank] ?? Buffer.alloc(0)));
  },
};
