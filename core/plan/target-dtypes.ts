// The dtypes of what is to be written.

import { ShapeMismatchError, UnsupportedError } from "../errors.js";
import type { Slot } from "../layout/layout.js";
import { CASTABLE, isCastable } from "../tensor/cast.js";

/**
 * The dtype of each target slot: the one that its framework keeps it in, else the one asked for, else its sources'.
 *
 * @throws {ShapeMismatchError} components of several dtypes would share a tensor
 * @throws {UnsupportedError} a dtype that cannot be cast
 */
export function targetDtypes<D extends string>(
  source: readonly { slot: Slot; dtype: D }[],
  target: readonly Slot[],
  asked: D | undefined,
): Map<string, D> {
  const byComponent = componentDtypes(source);
  return new Map(
    target.map((slot) => {
      const cast = (slot.dtype as D | undefined) ?? asked;
      const found = slot.pieces.map(({ component }) => byComponent.get(component));
      const [first] = found;
      const fixed = found.find((entry) => cast !== undefined && entry !== undefined && entry.dtype !== cast && !isCastable(entry.dtype));
      if (fixed !== undefined) {
        throw new UnsupportedError(`${fixed.name}: cannot cast ${fixed.dtype} to ${cast}: expected one of ${CASTABLE.join(", ")}`, false, {
          hint: "drop --dtype",
        });
      }
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

function componentDtypes<D extends string>(source: readonly { slot: Slot; dtype: D }[]): Map<number, { dtype: D; name: string }> {
  const found = new Map<number, { dtype: D; name: string }>();
  for (const { slot, dtype } of source) {
    for (const { component } of slot.pieces) {
      const earlier = found.get(component);
      if (earlier !== undefined && earlier.dtype !== dtype) {
        throw new ShapeMismatchError(slot.key, earlier.dtype, dtype, { hint: "the ranks of a tensor must have one dtype" });
      }
      found.set(component, { dtype, name: slot.key });
    }
  }
  return found;
}
