// What Nanotron makes of tensors in another dtype than most: it builds a model in one, and copies each tensor into it.

import { majorityDtype } from "../dtypes.js";
import type { TargetFile } from "../layout.js";

/** @returns one line, or none where all tensors are of one dtype */
export function castOnLoad(files: readonly TargetFile[]): string[] {
  const loaded = majorityDtype(files);
  const others = new Map(
    files.flatMap(({ tensors }) => tensors.filter(({ dtype }) => dtype !== loaded).map(({ key, dtype }) => [key, dtype])),
  );
  const [first] = others;
  if (first === undefined) return [];
  const what = `${first[0]} is ${first[1]}${others.size > 1 ? `, as ${others.size - 1} more are not ${loaded} either` : ""}`;
  return [`${what}: Nanotron turns it into ${loaded} when it loads the model`];
}
