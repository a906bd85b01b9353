// Which dtype a config file names when tensors differ: the one that most bytes have.

import type { DType } from "../tensor/dtype.js";

interface Tensors {
  readonly tensors: readonly { readonly dtype: DType; readonly byteStart: number; readonly byteEnd: number }[];
}

export function majorityDtype(files: readonly Tensors[]): DType {
  const bytes = new Map<DType, number>();
  for (const { tensors } of files) {
    for (const { dtype, byteStart, byteEnd } of tensors) bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteEnd - byteStart);
  }
  let [majority, most]: [DType, number] = ["BF16", -1];
  for (const [dtype, count] of bytes) if (count > most) [majority, most] = [dtype, count];
  return majority;
}
