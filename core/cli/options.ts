// Parses option values; what cannot be right is refused here, before anything is opened.

import { InvalidArgumentError } from "commander";

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1 on.");
  return value;
}

const UNITS: Record<string, number> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 };

/** `5GB` is decimal, as transformers counts; `5GiB` is binary. */
export function byteSize(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B)$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (!(bytes >= 1)) throw new InvalidArgumentError("expected a size like 5GB or 500MB.");
  return bytes;
}

export function yesNo(text: string): boolean {
  if (text !== "yes" && text !== "no") throw new InvalidArgumentError("expected yes or no.");
  return text === "yes";
}
