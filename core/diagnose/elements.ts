// F19: one element of one tensor corrupted.

import { itemSize } from "../tensor/dtype.js";
import { expand, isExpandable } from "../tensor/expand.js";
import type { CanonicalTensor } from "./canonical-tensors.js";
import { CONVERT_AGAIN, type UnitHypothesis } from "./hypothesis.js";

/** Numbers of the elements whose bytes differ, at most `most` of them. */
function differingElements(a: CanonicalTensor, b: CanonicalTensor, most: number): number[] {
  const item = itemSize(a.dtype);
  const found: number[] = [];
  for (let byte = 0; byte < a.bytes.byteLength && found.length < most; byte++) {
    if (a.bytes[byte] === b.bytes[byte]) continue;
    const element = Math.floor(byte / item);
    found.push(element);
    byte = (element + 1) * item - 1;
  }
  return found;
}

/** `[3, 17]`: an element's place in its tensor. */
function placeOf(element: number, shape: readonly number[]): string {
  const place: number[] = [];
  for (let axis = shape.length - 1, rest = element; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${place.join(", ")}]`;
}

function valueAt({ bytes, dtype }: CanonicalTensor, element: number): number | undefined {
  if (!isExpandable(dtype)) return undefined;
  const value = new Float32Array(1);
  const item = itemSize(dtype);
  expand(bytes.subarray(element * item, (element + 1) * item), dtype, value);
  return value[0];
}

const oneElement: UnitHypothesis = {
  fault: "F19",
  name: "one element corrupted",
  by: "tensor",
  formsOf: ({ a: [a], b: [b], different: [name] }) => {
    if (a === undefined || b === undefined) return [];
    const [element, ...more] = differingElements(a, b, 2);
    if (element === undefined || more.length > 0) return [];
    const values = `${valueAt(a, element) ?? "one value"} in A and ${valueAt(b, element) ?? "another"} in B`;
    const statement = `one element of ${name}, ${placeOf(element, a.shape)}, is ${values}; all others are equal`;
    return [{ key: `${name}`, statement, fix: `check the disk or the transfer, copy the file again, or ${CONVERT_AGAIN}` }];
  },
};

export const elementHypotheses: readonly UnitHypothesis[] = [oneElement];
