// Moves a tile's spans between files and one buffer, in which they lie end to end.

import { inParallel } from "../parallel.js";
import type { OpenFiles } from "../store/open-files.js";
import type { Span } from "./tiles.js";

export const spanBytes = (spans: readonly Span[]): number => spans.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** A buffer that grows to the most that it was ever asked for. */
export class Grown {
  private bytes = new Uint8Array();

  sized(byteLength: number): Uint8Array {
    if (this.bytes.byteLength < byteLength) this.bytes = new Uint8Array(byteLength);
    return this.bytes.subarray(0, byteLength);
  }
}

/** @param paths - by the spans' file numbers @throws {StorageError} */
export const readSpans = (files: OpenFiles, paths: readonly string[], spans: readonly Span[], into: Uint8Array): Promise<void> =>
  inSpans(spans, into, ({ file, byteOffset }, part) => files.read(paths[file] ?? "", part, byteOffset));

/** Enough to keep Node's own threads busy, and few enough that the spans of hundreds of ranks do not open as many files. */
const SPANS_AT_ONCE = 16;

/** Do something with each span's part of `bytes`, several at once; over when all that were begun are. */
export async function inSpans(
  spans: readonly Span[],
  bytes: Uint8Array,
  use: (span: Span, part: Uint8Array) => Promise<void>,
): Promise<void> {
  const [only] = spans;
  if (only !== undefined && spans.length === 1) return use(only, bytes);
  let end = 0;
  await inParallel(spans, SPANS_AT_ONCE, (span) => {
    end += span.byteLength; // they are begun in order
    return use(span, bytes.subarray(end - span.byteLength, end));
  });
}
