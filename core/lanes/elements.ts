// Copies elements one by one from where they are so far apart to where they are so far apart.

/** Where elements lie in memory; in bytes. */
export interface Strided {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly stride: number;
}

/** @param itemSize - of one element, in bytes */
export function copyElements(from: Strided, to: Strided, count: number, itemSize: number): void {
  const [source, target] = [inItems(from, itemSize), inItems(to, itemSize)];
  if (source !== undefined && target !== undefined) {
    for (let at = 0, taken = source.start, put = target.start; at < count; at++, taken += source.stride, put += target.stride)
      target.items[put] = source.items[taken] as number;
    return;
  }
  for (let at = 0; at < count; at++) {
    const start = from.start + at * from.stride;
    to.bytes.set(from.bytes.subarray(start, start + itemSize), to.start + at * to.stride);
  }
}

/** As an array of whole elements, where they lie on their own boundaries. */
function inItems({ bytes, start, stride }: Strided, itemSize: number) {
  if ((itemSize !== 2 && itemSize !== 4) || [bytes.byteOffset, start, stride].some((place) => place % itemSize !== 0)) return undefined;
  const length = Math.floor(bytes.byteLength / itemSize);
  const items =
    itemSize === 2 ? new Uint16Array(bytes.buffer, bytes.byteOffset, length) : new Uint32Array(bytes.buffer, bytes.byteOffset, length);
  return { items, start: start / itemSize, stride: stride / itemSize };
}
