// What a framework makes of tensors in another dtype than most: it builds a model in one, and copies each tensor into it.

import { majorityDtype } from "./dtypes.js";
import type { TargetFile } from "./layout.js";

/**
 * @param isExpected - of a tensor's key: that it is of another dtype than most is nothing to speak of
 * @returns one line, or none where all tensors are of one dtype
 */
export function castOnLoad(framework: string, files: readonly TargetFile[], isExpected: (key: string) => boolean): string[] {
  const loaded = majorityDtype(files);
  const others = new Map(
    files.flatMap(({ tensors }) =>
      tensors.filter(({ key, dtype }) => dtype !== loaded && !isExpected(key)).map(({ key, dtype }) => [key, dtype]),
    ),
  );
  const [first] = others;
  if (first === undefined) return [];
  const what = `${first[0]} is ${first[1]}${others.size > 1 ? `, as ${others.size - 1} more are not ${loaded} either` : ""}`;
  return [`${what}: ${framework} turns it into ${loaded} when it loads the model`];
}
