// Figures and names as the report says them.

import type { Finding } from "../engine/details.js";
import { formatFigure } from "../format/figure.js";

export const LAYOUTS: Readonly<Record<string, string>> = { huggingface: "Hugging Face", nanotron: "Nanotron" };

export const layoutName = (layout: string): string => LAYOUTS[layout] ?? layout;

/** `1234567890` as `1.23 GB`; decimal, as disks and transformers count. */
export function bytesInWords(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toPrecision(3)} ${units[power]}`;
}

export const count = (value: number): string => value.toLocaleString("en-US");

export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** NaN is what a forward makes of weights that are none. */
export const figure = (value: number): string => (Number.isFinite(value) ? formatFigure(value) : "not a number");

export const share = (part: number, total: number): string => `${((100 * part) / total).toFixed(2)} %`;

export const FINDINGS: Readonly<Record<Finding, string>> = {
  equal: "equal",
  different: "different values",
  missing: "missing in B",
  extra: "only in B",
  otherDtype: "equal values, other dtype",
  rounded: "equal once rounded to B's dtype",
};

export const folderName = (path: string): string => path.split("/").findLast((part) => part !== "") ?? path;
