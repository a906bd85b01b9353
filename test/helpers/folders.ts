// Folders for tests: fixtures, copies of them that may be broken, and what is in a folder, to be compared.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const fixture = (name: string): string => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));

export interface Scratch {
  /** A path where nothing is yet. */
  readonly fresh: () => string;
  /** An empty folder. */
  readonly folder: () => string;
  /** A copy of a fixture. */
  readonly copy: (name: string) => string;
  /** Remove what is in one of its folders. */
  readonly empty: (folder: string) => void;
  readonly remove: () => void;
}

export function scratchFolder(name: string): Scratch {
  const root = mkdtempSync(join(tmpdir(), `weighbridge-${name}-`));
  let made = 0;
  const fresh = () => join(root, String(made++));
  const copy = (source: string) => {
    const folder = fresh();
    cpSync(fixture(source), folder, { recursive: true });
    return folder;
  };
  const empty = (folder: string) => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  };
  const folder = () => {
    const made = fresh();
    mkdirSync(made);
    return made;
  };
  return { fresh, folder, copy, empty, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Everything in a folder: digests of files by path, folders by a trailing slash. */
export function contents(folder: string, at = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(folder, at), { withFileTypes: true })) {
    const path = join(at, entry.name);
    if (entry.isDirectory()) Object.assign(found, { [`${path}/`]: "" }, contents(folder, path));
    else if (entry.isSymbolicLink()) found[path] = `to ${readlinkSync(join(folder, path))}`;
    else
      found[path] = createHash("sha256")
        .update(readFileSync(join(folder, path)))
        .digest("hex");
  }
  return found;
}

export const readJson = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));

/** Replace keys of a JSON file; undefined removes one. */
export function editJson(folder: string, name: string, changes: Record<string, unknown>): void {
  writeFileSync(join(folder, name), JSON.stringify({ ...readJson(folder, name), ...changes }));
}

export interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Buffer;
}

/** A safetensors file's tensors, read with nothing of the code under test. */
export function readTensors(path: string): Map<string, RawTensor> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
  return new Map(
    Object.entries(entries as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>).map(
      ([name, { dtype, shape, data_offsets: at }]) => [name, { dtype, shape, data: bytes.subarray(start + at[0], start + at[1]) }],
    ),
  );
}

export function writeTensors(path: string, tensors: ReadonlyMap<string, RawTensor>): void {
  let offset = 0;
  const entries = [...tensors].map(([name, { dtype, shape, data }]) => {
    const start = offset;
    offset += data.length;
    return [name, { dtype, shape, data_offsets: [start, offset] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries([["__metadata__", { format: "pt" }], ...entries])));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([prefix, header, ...[...tensors.values()].map(({ data }) => data)]));
}

/** A Hugging Face checkpoint's tensors, of all shards. */
export const readAllTensors = (folder: string): Map<string, RawTensor> =>
  new Map(
    readdirSync(folder)
      .filter((name) => name.endsWith(".safetensors"))
      .flatMap((name) => [...readTensors(join(folder, name))]),
  );
