// An open checkpoint's tensors as a forward asks for them: by the framework's own names.

import { CheckpointError } from "../errors.js";
import type { Weight } from "../executor/executor.js";
import type { Arrangement, Checkpoint, StoredTensor } from "../layout/layout.js";
import type { ForwardSource } from "./forward.js";

export function forwardSource(checkpoint: Checkpoint, arrangement: Arrangement): ForwardSource {
  const { rawConfig, configPath, root, files } = checkpoint;
  const byName = new Map<string, StoredTensor[]>();
  for (const tensor of checkpoint.tensors.values()) byName.set(tensor.name, [...(byName.get(tensor.name) ?? []), tensor]);
  const weightOf = ({ file, byteStart, byteEnd, dtype, shape }: StoredTensor): Weight => ({
    file: files[file]?.path ?? "",
    byteOffset: byteStart,
    byteLength: byteEnd - byteStart,
    dtype,
    shape,
  });
  const parts = (name: string): readonly Weight[] => {
    const found = [...(byName.get(name) ?? [])].sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
    const isSharded = found.some(({ rank }) => rank !== undefined);
    if (found.length === 0 || (isSharded && found.length !== arrangement.tp)) {
      const what = found.length === 0 ? "not stored" : `expected ${arrangement.tp} ranks, found ${found.length}`;
      throw new CheckpointError(`${root}: ${name}: ${what}`, { hint: "the forward of its framework needs it" });
    }
    return found.map(weightOf);
  };
  const whole = (name: string): Weight => {
    const [weight, ...more] = parts(name);
    if (weight === undefined || more.length > 0)
      throw new CheckpointError(`${root}: ${name}: expected one tensor, found ${more.length + 1} parts`);
    return weight;
  };
  return { config: rawConfig, configPath, arrangement, parts, whole };
}
