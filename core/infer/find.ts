// Where one tensor's lines lie in another: every place, in every order that the vocabulary of transforms has. Pure.

import { interleaved, type Lines, symbolAt } from "./lines.js";

/**
 * Rows of a head, where each head's lines are permuted as interleaved RoPE has them; undefined where the order is kept; `any` where
 * the lines are so alike that both are true.
 */
export type HeadOrder = number | "any" | undefined;

/** A block of lines of `container`, from `offset` on, that are all the lines of a source in an order. */
export interface Find {
  readonly offset: number;
  readonly headDim: HeadOrder;
}

/**
 * @param step - offsets are multiples of it
 * @returns one find for each offset
 */
export function findAll(source: Lines, container: Lines, step: number): Find[] {
  if (source.kind !== container.kind || source.count > container.count || source.count === 0) return [];
  const finds: Find[] = [];
  for (let offset = 0; offset + source.count <= container.count; offset += step) {
    // Every order in the vocabulary keeps the first line the first.
    if (!sameSymbol(source, 0, container, offset)) continue;
    const headDim = headDimOf(source, container, offset);
    if (isAt(source, container, offset)) finds.push({ offset, headDim: headDim === undefined ? undefined : "any" });
    else if (headDim !== undefined) finds.push({ offset, headDim });
  }
  return finds;
}

/** What every offset is a multiple of, where lines of one kind are joined from whole sources. */
export const greatestCommonDivisor = (sizes: readonly number[]): number =>
  sizes.reduce((a, b) => {
    let [x, y] = [a, b];
    while (y !== 0) [x, y] = [y, x % y];
    return x;
  }, 0);

function headDimOf(source: Lines, container: Lines, offset: number): number | undefined {
  for (let headDim = 4; headDim <= source.count; headDim += 2) {
    // The second line of an interleaved head is the first of its second half.
    if (source.count % headDim !== 0 || !sameSymbol(source, headDim / 2, container, offset + 1)) continue;
    if (isAt(interleaved(source, headDim), container, offset)) return headDim;
  }
  return undefined;
}

const sameSymbol = (a: Lines, lineA: number, b: Lines, lineB: number): boolean => symbolAt(a, lineA).equals(symbolAt(b, lineB));

function isAt(source: Lines, container: Lines, offset: number): boolean {
  const start = offset * container.symbolBytes;
  return source.bytes.equals(container.bytes.subarray(start, start + source.bytes.byteLength));
}
