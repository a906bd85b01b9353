// The safetensors header: parsed strictly, as a hostile file may have written it, and written as the
// reference implementation writes it. Pure: the caller reads and writes the bytes.
// Source: the format's README and the checks of its reference implementation (safetensors 0.5, tensor.rs).

import { parse } from "lossless-json";
import { FormatError } from "../errors.js";
import { type DType, isDType, itemSize } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";
import { repeatedKey } from "./repeated-key.js";

/** The length field before the header: one little-endian 64-bit integer. */
export const PREFIX_BYTES = 8;
/** The reference implementation's own limit; no real header comes near it. */
export const MAX_HEADER_BYTES = 100_000_000;
const HEADER_ALIGNMENT = 8;

/** One tensor of a header; the range is half-open, in bytes from the start of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteStart: number;
  readonly byteEnd: number; // exclusive
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** In the order of their bytes. */
  readonly tensors: readonly TensorEntry[];
}

/**
 * Length of the JSON header, from the file's first eight bytes.
 *
 * @throws {FormatError} the length cannot be right for a file of this size
 */
export function parsePrefix(prefix: Uint8Array, fileByteLength: number, where: string): number {
  if (prefix.byteLength < PREFIX_BYTES) {
    throw new FormatError(`${where}: expected a safetensors file of at least ${PREFIX_BYTES} bytes, found ${prefix.byteLength}`, TRUNCATED);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(`${where}: header length ${length} is over the format's limit of ${MAX_HEADER_BYTES}`, NOT_SAFETENSORS);
  }
  if (Number(length) + PREFIX_BYTES > fileByteLength) {
    throw new FormatError(`${where}: header of ${length} bytes does not fit a file of ${fileByteLength}`, TRUNCATED);
  }
  return Number(length);
}

/**
 * Parse a header strictly: known dtypes, shapes that fit their ranges, and ranges that cover the data exactly.
 *
 * @param header - the JSON bytes, padding included
 * @param fileByteLength - the whole file's size; the data must end there
 * @throws {FormatError} anything a correct writer would not have written
 */
export function parseHeader(header: Uint8Array, fileByteLength: number, where: string): SafetensorsHeader {
  const document = parseJson(header, where);
  const dataStart = PREFIX_BYTES + header.byteLength;
  const tensors: TensorEntry[] = [];
  let metadata: Record<string, string> | undefined;
  for (const [name, value] of Object.entries(document)) {
    if (name === "__metadata__") metadata = parseMetadata(value, where);
    else tensors.push(parseEntry(name, value, dataStart, where));
  }
  tensors.sort((a, b) => a.byteStart - b.byteStart || a.byteEnd - b.byteEnd);
  checkCoverage(tensors, dataStart, fileByteLength, where);
  return { metadata, tensors };
}

/** A hostile name may be as long as the header. */
const quoted = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

const TRUNCATED = { hint: "the file is truncated or still being written; fetch it again" };
const NOT_SAFETENSORS = { hint: "is this a safetensors file?" };

function parseJson(header: Uint8Array, where: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    throw new FormatError(`${where}: header is not UTF-8`, { ...NOT_SAFETENSORS, cause });
  }
  if (!text.startsWith("{")) throw new FormatError(`${where}: header does not start with "{"`, NOT_SAFETENSORS);
  let document: unknown;
  try {
    document = parse(text, undefined, parseCount); // refuses a repeated key, where JSON.parse would drop the first
  } catch (cause) {
    throw new FormatError(`${where}: header is not valid JSON: ${(cause as Error).message}`, { ...NOT_SAFETENSORS, cause });
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw new FormatError(`${where}: header names ${quoted(repeated)} twice`);
  return document as Record<string, unknown>;
}

/** Every number of a header counts something; no writer spells a count `1.0`, `1e0` or `-0`. */
const parseCount = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);

function parseMetadata(value: unknown, where: string): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === "string")) {
    throw new FormatError(`${where}: __metadata__ must map strings to strings`);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, dataStart: number, where: string): TensorEntry {
  const fail = (what: string) => new FormatError(`${where}: tensor ${quoted(name)}: ${what}`);
  if (!isRecord(value)) throw fail("expected an object");
  const unknown = Object.keys(value).find((key) => key !== "dtype" && key !== "shape" && key !== "data_offsets");
  if (unknown !== undefined) throw fail(`unknown key ${quoted(unknown)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDType(dtype)) throw fail(`dtype ${quoted(String(dtype))} is not supported`);
  if (!isCounts(shape)) throw fail("shape must be an array of non-negative integers");
  if (!isCounts(offsets) || offsets.length !== 2) throw fail("data_offsets must be two non-negative integers");
  const [start, end] = offsets as [number, number];
  const byteLength = numElements(shape) * itemSize(dtype);
  if (!Number.isSafeInteger(byteLength)) throw fail("the shape's size overflows");
  if (end - start !== byteLength)
    throw fail(`data_offsets hold ${end - start} bytes, shape [${shape.join(", ")}] ${dtype} needs ${byteLength}`);
  return { name, dtype, shape, byteStart: dataStart + start, byteEnd: dataStart + end };
}

function checkCoverage(tensors: readonly TensorEntry[], dataStart: number, fileByteLength: number, where: string): void {
  let position = dataStart;
  for (const { name, byteStart, byteEnd } of tensors) {
    if (byteStart !== position) {
      const fault = byteStart < position ? "overlaps the tensor before it" : "leaves a hole before it";
      throw new FormatError(
        `${where}: tensor ${quoted(name)} ${fault}: expected offset ${position - dataStart}, found ${byteStart - dataStart}`,
      );
    }
    position = byteEnd;
  }
  if (position !== fileByteLength) {
    const hint = position > fileByteLength ? TRUNCATED : { hint: "bytes follow the last tensor" };
    throw new FormatError(`${where}: expected ${position} bytes by its header, found ${fileByteLength}`, hint);
  }
}

/** A tensor to be written; ranges follow from the order given. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * Lay tensors out in a file in the given order and encode its header, prefix included.
 *
 * @returns the file's first bytes, the tensors' ranges, and the whole file's size in bytes
 */
export function encodeHeader(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>> | undefined,
): { bytes: Uint8Array<ArrayBuffer>; tensors: TensorEntry[]; fileByteLength: number } {
  // Text, not an object: an object would reorder names that look like numbers.
  const members = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  const relative: TensorEntry[] = [];
  let position = 0;
  for (const { name, dtype, shape } of specs) {
    const end = position + numElements(shape) * itemSize(dtype);
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [position, end] })}`);
    relative.push({ name, dtype, shape, byteStart: position, byteEnd: end });
    position = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.byteLength / HEADER_ALIGNMENT) * HEADER_ALIGNMENT;
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, PREFIX_BYTES);
  const dataStart = bytes.byteLength;
  const tensors = relative.map((t) => ({ ...t, byteStart: t.byteStart + dataStart, byteEnd: t.byteEnd + dataStart }));
  return { bytes, tensors, fileByteLength: dataStart + position };
}

/** The reference writer's order: wider dtypes first, so that all stay aligned, then by name. */
export function referenceOrder<T extends TensorSpec>(specs: readonly T[]): T[] {
  return [...specs].sort((a, b) => itemSize(b.dtype) - itemSize(a.dtype) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
