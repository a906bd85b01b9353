// Holds the tensors that a checkpoint stores against those that its architecture expects.

import type { Architecture, TiedTensor } from "../architecture/architecture.js";
import { CheckpointError, ShapeMismatchError, type WeighbridgeError } from "../errors.js";
import type { Checkpoint, Slot, StoredTensor } from "../layout/layout.js";
import { sameSharding } from "../layout/sharding.js";
import { nearestName } from "../suggest.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { UnusedTensor } from "./plan.js";

/** A tensor that is stored although the config ties it to another; it may be left out only if the two are equal. */
export interface Twin {
  /** The tied tensor's Hugging Face name; in a sharded layout each rank has a twin of it. */
  readonly name: string;
  readonly stored: StoredTensor;
  readonly original: StoredTensor;
}

export interface SlotMatch {
  /** Stored tensors that no slot needs, twins among them, each with its reason. */
  readonly unused: readonly UnusedTensor[];
  readonly twins: readonly Twin[];
  /** Tensors that are missing, unexplained, or of another shape or sharding; the worst first. */
  readonly problems: readonly WeighbridgeError[];
}

export function matchSlots(checkpoint: Checkpoint, slots: readonly Slot[], architecture: Architecture): SlotMatch {
  const expected = new Map(slots.map((slot) => [slot.key, slot]));
  const unused: UnusedTensor[] = [];
  const twins: Twin[] = [];
  const unexplained: string[] = [];
  const misfits: WeighbridgeError[] = [];
  for (const stored of checkpoint.tensors.values()) {
    const slot = expected.get(stored.key);
    const ignored = architecture.ignored.get(stored.key);
    const twin = slot === undefined ? twinOf(stored, checkpoint, slots, architecture) : undefined;
    if (slot !== undefined) misfits.push(...misfitsOf(checkpoint, slot, stored));
    else if (ignored !== undefined) unused.push({ key: stored.key, reason: ignored });
    else if (twin === undefined) unexplained.push(stored.key);
    else {
      twins.push(twin);
      unused.push({ key: stored.key, reason: `tied to ${twin.original.key}` });
    }
  }
  const missing = slots.filter(({ key }) => !checkpoint.tensors.has(key)).map(({ key }) => key);
  return { unused, twins, problems: [...absences(checkpoint, architecture, missing, unexplained, [...expected.keys()]), ...misfits] };
}

function twinOf(
  stored: StoredTensor,
  { tensors }: Checkpoint,
  slots: readonly Slot[],
  { tied, components }: Architecture,
): Twin | undefined {
  const tie = tied.find(({ name, parameter }: TiedTensor) => stored.name === name || stored.name === parameter);
  if (tie === undefined) return undefined;
  const component = components.findIndex(({ name }) => name === tie.to);
  const holdsOriginal = ({ pieces }: Slot) => pieces.some((piece) => piece.component === component);
  const slot = slots.find((candidate) => holdsOriginal(candidate) && stored.key.replace(stored.name, candidate.name) === candidate.key);
  const original = slot === undefined ? undefined : tensors.get(slot.key);
  const isAlike = original !== undefined && original.dtype === stored.dtype && sameShape(original.shape, stored.shape);
  return isAlike ? { name: tie.name, stored, original } : undefined;
}

function absences(
  { root }: Checkpoint,
  { tied, plugin }: Architecture,
  missing: readonly string[],
  unexplained: readonly string[],
  expected: readonly string[],
): CheckpointError[] {
  const more = (names: readonly string[]) => (names.length > 1 ? ` and ${names.length - 1} more` : "");
  const problems: CheckpointError[] = [];
  const [lost] = missing;
  const [stray] = unexplained;
  if (lost !== undefined) {
    const near = nearestName(lost, unexplained);
    const hint = near === undefined ? {} : { hint: `the nearest stored name is ${near}` };
    problems.push(new CheckpointError(`${root}: ${lost}${more(missing)}: expected by ${plugin.name}, not stored`, hint));
  }
  if (stray === undefined) return problems;
  const tie = tied.find(({ name, parameter }) => stray === name || stray.startsWith(parameter));
  const what =
    tie === undefined
      ? `${root}: ${stray}${more(unexplained)}: stored, but no rule of ${plugin.name} explains it`
      : `${root}: ${stray} is stored in another shape or dtype than ${tie.to}, to which the config ties it`;
  const near = nearestName(stray, expected);
  const another = near === undefined ? "is it another architecture? see --plugin" : `the nearest name it knows is ${near}`;
  const hint = tie === undefined ? another : "set tie_word_embeddings to false, or remove it";
  return [...problems, new CheckpointError(what, { hint })];
}

const OTHER_MODEL = "config and weights are of different models";

function misfitsOf({ files }: Checkpoint, slot: Slot, stored: StoredTensor): WeighbridgeError[] {
  const where = files[stored.file]?.path ?? "";
  if (!sameShape(slot.shape, stored.shape)) {
    return [new ShapeMismatchError(slot.key, formatShape(slot.shape), formatShape(stored.shape), { where, hint: OTHER_MODEL })];
  }
  if (slot.sharding === undefined || stored.sharding === undefined || sameSharding(slot.sharding, stored.sharding)) return [];
  return [
    new CheckpointError(`${where}: its metadata places it elsewhere in ${slot.name} than its rank and the config do`, {
      hint: "the file is of another model or was cut wrongly",
    }),
  ];
}
