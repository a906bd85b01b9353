// What a framework makes of tensors in another dtype than most: it builds a model in one, and copies each tensor into it.

import { majorityDtype } from "./dtypes.js";
import type { Slot, TargetFile } from "./layout.js";

/**
 * @param slots - those that say a dtype are kept in it
 * @returns one line, or none where all tensors are of one dtype
 */
export function castOnLoad(framework: string, files: readonly TargetFile[], slots: readonly Slot[]): string[] {
  const loaded = majorityDtype(files);
  const kept = new Set(slots.filter(({ dtype }) => dtype !== undefined).map(({ key }) => key));
  const others = new Map(
    files.flatMap(({ tensors }) =>
      tensors.filter(({ key, dtype }) => dtype !== loaded && !kept.has(key)).map(({ key, dtype }) => [key, dtype]),
    ),
  );
  const [first] = others;
  if (first === undefined) return [];
  const what = `${first[0]} is ${first[1]}${others.size > 1 ? `, as ${others.size - 1} more are not ${loaded} either` : ""}`;
  return [`${what}: ${framework} turns it into ${loaded} when it loads the model`];
}
