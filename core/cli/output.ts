// What goes to the two streams: results to stdout, everything else to stderr.

import { DeclarationError, WeighbridgeError } from "../errors.js";

export const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** On stderr, for who asked for `--debug`. */
export function printDebug(line: string): void {
  if (process.argv.includes("--debug")) process.stderr.write(`${line}\n`);
}

export const printDocument = (document: unknown): boolean => print(JSON.stringify(document, null, 2));

/** `1234567890` as `1.23 GB`; decimal, as disks and transformers count. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toPrecision(3)} ${units[power]}`;
}

/** `1234567` as `1,234,567`. By hand: to load a locale takes longer than to inspect a model. */
export const formatCount = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** One line, or one for each problem of a declaration. An error that nobody foresaw is our fault, and says so. */
export function errorLines(error: unknown): string {
  if (error instanceof DeclarationError) return error.message.replace(/^/gm, "weighbridge: ");
  const message = error instanceof WeighbridgeError ? error.message : `internal error: ${messageOf(error)}; ${REPORT_HINT}`;
  return `weighbridge: ${message.replaceAll("\n", "\\n")}`;
}

const REPORT_HINT = "this is a bug; please report what --debug prints";

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An error as `--json` prints it. @see schemas/error.schema.json */
export function errorDocument(error: unknown): object {
  if (!(error instanceof WeighbridgeError)) return { error: { code: "INTERNAL", message: messageOf(error), hint: REPORT_HINT } };
  const problems = error instanceof DeclarationError ? { problems: error.problems } : {};
  return { error: { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }), ...problems } };
}
