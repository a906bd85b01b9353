// Holds the tensors that a checkpoint stores against those that its architecture expects.

import type { Architecture } from "../architecture/architecture.js";
import { CheckpointError, ShapeMismatchError } from "../errors.js";
import type { Checkpoint, Slot, StoredTensor } from "../layout/layout.js";
import { sameSharding } from "../layout/nanotron/sharding.js";
import { nearestName } from "../suggest.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { UnusedTensor } from "./plan.js";

/**
 * @returns the stored tensors that no slot needs, each with its reason
 * @throws {CheckpointError | ShapeMismatchError} a tensor is missing, unexplained, or of another shape, dtype or sharding
 */
export function matchSlots(checkpoint: Checkpoint, slots: readonly Slot[], architecture: Architecture): UnusedTensor[] {
  const expected = new Map(slots.map((slot) => [slot.key, slot]));
  const unused: UnusedTensor[] = [];
  const unexplained: string[] = [];
  for (const stored of checkpoint.tensors.values()) {
    const slot = expected.get(stored.key);
    if (slot !== undefined) checkStored(checkpoint, slot, stored);
    else {
      const reason = architecture.ignored.get(stored.key);
      if (reason === undefined) unexplained.push(stored.key);
      else unused.push({ key: stored.key, reason });
    }
  }
  const missing = slots.filter(({ key }) => !checkpoint.tensors.has(key)).map(({ key }) => key);
  refuse(checkpoint, architecture, missing, unexplained);
  return unused;
}

function refuse({ root }: Checkpoint, { tied, plugin }: Architecture, missing: readonly string[], unexplained: readonly string[]): void {
  const more = (names: readonly string[]) => (names.length > 1 ? ` and ${names.length - 1} more` : "");
  const [lost] = missing;
  const [stray] = unexplained;
  if (lost !== undefined) {
    const near = nearestName(lost, unexplained);
    throw new CheckpointError(
      `${root}: ${lost}${more(missing)}: expected by ${plugin.name}, not stored`,
      near === undefined ? {} : { hint: `the nearest stored name is ${near}` },
    );
  }
  if (stray === undefined) return;
  const twin = tied.find(({ name, parameter }) => stray === name || stray.startsWith(parameter));
  if (twin !== undefined)
    throw new CheckpointError(`${root}: ${stray} is stored, though the config ties it to ${twin.to}`, {
      hint: "if the two are equal remove it, else set tie_word_embeddings to false",
    });
  throw new CheckpointError(`${root}: ${stray}${more(unexplained)}: stored, but no rule of ${plugin.name} explains it`, {
    hint: "is it another architecture? see --plugin",
  });
}

function checkStored({ files }: Checkpoint, slot: Slot, stored: StoredTensor): void {
  const where = files[stored.file]?.path ?? "";
  if (!sameShape(slot.shape, stored.shape))
    throw new ShapeMismatchError(slot.key, formatShape(slot.shape), formatShape(stored.shape), { where });
  if (slot.sharding !== undefined && stored.sharding !== undefined && !sameSharding(slot.sharding, stored.sharding)) {
    throw new CheckpointError(`${where}: its metadata places it elsewhere in ${slot.name} than its rank and the config do`, {
      hint: "the file is of another model or was cut wrongly",
    });
  }
}

/**
 * The dtype of each target slot: its sources', or the one asked for.
 *
 * @throws {ShapeMismatchError} components of several dtypes would share a tensor
 */
export function targetDtypes<D extends string>(
  source: readonly { slot: Slot; dtype: D }[],
  target: readonly Slot[],
  cast: D | undefined,
): Map<string, D> {
  const byComponent = new Map<number, { dtype: D; name: string }>();
  for (const { slot, dtype } of source)
    for (const { component } of slot.pieces) {
      const earlier = byComponent.get(component);
      if (earlier !== undefined && earlier.dtype !== dtype)
        throw new ShapeMismatchError(slot.key, earlier.dtype, dtype, { hint: "the ranks of a tensor must have one dtype" });
      byComponent.set(component, { dtype, name: slot.key });
    }
  return new Map(
    target.map((slot) => {
      const found = slot.pieces.map(({ component }) => byComponent.get(component));
      const [first] = found;
      const other = found.find((entry) => entry?.dtype !== first?.dtype);
      if (cast === undefined && other !== undefined) {
        throw new ShapeMismatchError(other.name, `${first?.dtype} like ${first?.name}`, other.dtype, {
          hint: `both go into ${slot.key}; --dtype makes them one`,
        });
      }
      return [slot.key, (cast ?? first?.dtype) as D];
    }),
  );
}
