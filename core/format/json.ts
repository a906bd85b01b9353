// JSON documents that keep each number's own text: Python tells 500000.0 from 500000, and a value
// that Weighbridge merely carries must come out as it went in.

import { isLosslessNumber, LosslessNumber, parse, stringify } from "lossless-json";
import { FormatError } from "../errors.js";
import { repeatedKey } from "./repeated-key.js";

/** A JSON value; numbers read from a file are LosslessNumber, numbers made here may be plain. */
export type Json = null | boolean | string | number | LosslessNumber | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** No config of a model comes near it; an index of ten thousand experts does. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/**
 * @param where - the file's name, for the error
 * @throws {FormatError} not JSON, a repeated key, or not an object
 */
export function parseObject(text: string, where: string): JsonObject {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new FormatError(`${where}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(value)) throw new FormatError(`${where}: expected a JSON object`);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw new FormatError(`${where}: ${JSON.stringify(repeated)} is there twice`);
  return value;
}

/** With an indent of 2, as transformers writes, and a final newline. */
export const printJson = (value: unknown): string => `${stringify(value, undefined, 2)}\n`;

/** The value with plain numbers, for comparing and computing. */
export function plain(value: Json): Json {
  if (isLosslessNumber(value)) return Number(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
  return value;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

/** Equal as JSON values: numbers by value, objects whatever their order. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonical(a) === canonical(b);
}

function canonical(value: Json): string {
  const sorted = (entry: Json): Json =>
    Array.isArray(entry)
      ? entry.map(sorted)
      : isObject(entry)
        ? Object.fromEntries(
            Object.keys(entry)
              .sort()
              .map((key) => [key, sorted(entry[key] ?? null)]),
          )
        : entry;
  return JSON.stringify(sorted(plain(value)));
}
