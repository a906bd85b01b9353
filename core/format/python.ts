// How Python writes values that its own readers then parse: floats (repr), tuples of sizes, slices.

import { LosslessNumber } from "lossless-json";
import { FormatError } from "../errors.js";

/** Python's repr switches to an exponent below 1e-4 and from 1e16 on; JavaScript's does elsewhere. */
const MIN_FIXED_EXPONENT = -4;
const MAX_FIXED_EXPONENT = 16;

/** A float as Python's repr and json.dumps write it, e.g. `500000.0`, `1e-05`. */
export function pythonFloat(value: number): LosslessNumber {
  return new LosslessNumber(floatRepr(value));
}

export function floatRepr(value: number): string {
  const [mantissa = "0", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (value !== 0 && (exponent < MIN_FIXED_EXPONENT || exponent >= MAX_FIXED_EXPONENT)) {
    const sign = exponent < 0 ? "-" : "+";
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const digits = mantissa.replace(/[-.]/g, "");
  const fixed = value.toFixed(Math.max(1, digits.length - 1 - exponent));
  return fixed;
}

/**
 * A tuple of sizes, with or without numpy's scalar text: `(128256, 4096)`, `(np.int64(6144), 4096)`, `(6144,)`.
 *
 * @throws {FormatError} anything else
 */
export function parseSizes(text: string, where: string): number[] {
  const inner = /^\((.*)\)$/s.exec(text.trim())?.[1];
  const sizes = inner
    ?.split(",")
    .map((part) => part.trim().replace(/^(?:np|numpy)\.u?int\d+\((\d+)\)$/, "$1"))
    .filter((part, position, parts) => part !== "" || position < parts.length - 1);
  if (sizes === undefined || !sizes.every((size) => /^\d+$/.test(size))) {
    throw new FormatError(`${where}: expected a tuple of sizes, found ${JSON.stringify(text)}`);
  }
  return sizes.map(Number);
}

/** Plain integers, which every reader understands. */
export const printSizes = (sizes: readonly number[]): string => (sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`);
