// How each differing tensor differs: how many of its elements, and by how much.

import { itemSize } from "../tensor/dtype.js";
import { expand, isExpandable } from "../tensor/expand.js";
import { numElements, sameShape } from "../tensor/shape.js";
import type { CanonicalTensor } from "./canonical-tensors.js";
import type { Case } from "./case.js";
import { sameBytes } from "./rows.js";

export interface TensorDifference {
  /** Under its Hugging Face name. */
  readonly name: string;
  readonly finding: "different" | "missing" | "extra" | "otherDtype" | "rounded";
  /** Null where a side has none. */
  readonly dtypeA: string | null;
  readonly dtypeB: string | null;
  readonly shapeA: readonly number[] | null;
  readonly shapeB: readonly number[] | null;
  readonly elements: number | null;
  /** Elements of other bytes, A's in B's dtype; null where the two cannot be held side by side. */
  readonly differing: number | null;
  /** Largest |a − b|; null too where one is no number. */
  readonly maxAbs: number | null;
}

/** Elements held as float32 at once. */
const AT_ONCE = 256 * 1024;

const FINDINGS = ["different", "missing", "extra", "otherDtype", "rounded"] as const;

/** @throws {StorageError | CancelledError} */
export async function tensorDifferences({ parameters, tensors, onTensor }: Case): Promise<TensorDifference[]> {
  const differences: TensorDifference[] = [];
  for (const finding of FINDINGS) {
    for (const name of parameters[finding]) {
      const dtypes = tensors.dtypesOf(name);
      const stored = await tensors.ofAStored(name);
      const mine = dtypes.b === undefined || dtypes.a === dtypes.b ? stored : await tensors.ofA(name);
      const theirs = await tensors.ofB(name);
      differences.push({
        name,
        finding,
        dtypeA: stored?.dtype ?? null,
        dtypeB: theirs?.dtype ?? null,
        shapeA: stored?.shape ?? null,
        shapeB: theirs?.shape ?? null,
        ...extent(mine, theirs),
      });
      onTensor(name);
    }
  }
  return differences;
}

type Extent = Pick<TensorDifference, "elements" | "differing" | "maxAbs">;

function extent(a: CanonicalTensor | undefined, b: CanonicalTensor | undefined): Extent {
  const shape = (b ?? a)?.shape;
  const elements = shape === undefined ? null : numElements(shape);
  if (a === undefined || b === undefined || a.dtype !== b.dtype || !sameShape(a.shape, b.shape) || !isExpandable(a.dtype)) {
    return { elements, differing: null, maxAbs: null };
  }
  const at = itemSize(a.dtype) * AT_ONCE;
  const [mine, theirs] = [new Float32Array(AT_ONCE), new Float32Array(AT_ONCE)];
  const [bitsA, bitsB] = [new Uint32Array(mine.buffer), new Uint32Array(theirs.buffer)];
  let [differing, maxAbs] = [0, 0];
  for (let start = 0; start < a.bytes.byteLength; start += at) {
    const [from, to] = [a.bytes.subarray(start, start + at), b.bytes.subarray(start, start + at)];
    if (sameBytes(from, to)) continue;
    expand(from, a.dtype, mine);
    expand(to, b.dtype, theirs);
    for (let i = 0; i < from.byteLength / itemSize(a.dtype); i++) {
      if (bitsA[i] === bitsB[i]) continue;
      differing++;
      maxAbs = Math.max(maxAbs, Math.abs((mine[i] as number) - (theirs[i] as number)));
    }
  }
  return { elements, differing, maxAbs: Number.isFinite(maxAbs) ? maxAbs : null };
}
