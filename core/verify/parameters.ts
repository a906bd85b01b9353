// The parameters check: every element of every tensor of A against its place in B, whatever the two layouts are.

import type { Architecture } from "../architecture/architecture.js";
import { type CrewOptions, withCrew } from "../lanes/crew.js";
import type { LaneResult } from "../lanes/job.js";
import { type Lane, lanesOf } from "../lanes/lanes.js";
import { isDifferent, type Sameness } from "../lanes/sameness.js";
import { type BoundSlot, compile } from "../plan/compile.js";
import type { PlanFile, Segment } from "../plan/plan.js";
import type { Store } from "../store/store.js";
import { itemSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";

/** One side of the comparison. */
export interface VerifySide {
  readonly files: readonly PlanFile[];
  readonly slots: readonly BoundSlot[];
}

/** Hugging Face tensor names, by what was found. */
export interface ParametersReport {
  readonly equal: readonly string[];
  readonly different: readonly string[];
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  /** Equal values in another dtype. */
  readonly otherDtype: readonly string[];
  /** B has A's values, rounded to B's dtype. */
  readonly rounded: readonly string[];
}

export interface CompareOptions extends CrewOptions {
  /** Called after every lane with the bytes of A compared so far. */
  readonly onCompared?: ((bytes: number) => void) | undefined;
}

type Finding = "equal" | "different" | "missing" | "otherDtype" | "rounded";

/**
 * @param extra - tensors that only B stores
 * @throws {StorageError | CancelledError}
 */
export async function compareParameters(
  store: Store,
  architecture: Architecture,
  a: VerifySide,
  b: VerifySide,
  extra: readonly string[],
  options: CompareOptions = {},
): Promise<ParametersReport> {
  const [from, to] = [byComponent(a.slots), byComponent(b.slots)];
  const tensors = architecture.components.map(({ name, shape }, index) => {
    const [source, target] = [from.get(index) ?? [], to.get(index) ?? []];
    const { segments } = compile({ architecture, sources: a.files, source, targets: b.files, target, unused: [] });
    const bytes = numElements(shape) * itemSize(source[0]?.dtype ?? "U8");
    return new TensorComparison(name, segments, bytes, [...source, ...target].some(isKept));
  });
  await compareLanes(store, a, b, tensors, options);
  const report: Record<Finding, string[]> = { equal: [], different: [], missing: [], otherDtype: [], rounded: [] };
  for (const tensor of tensors) report[tensor.finding()].push(tensor.name);
  return { ...report, extra };
}

/** What one tensor has not in common with its other side is not looked for twice. */
async function compareLanes(
  store: Store,
  a: VerifySide,
  b: VerifySide,
  tensors: readonly TensorComparison[],
  options: CompareOptions,
): Promise<void> {
  const tasks = tensors.flatMap((tensor) => tensor.lanes().map((lane) => ({ tensor, lane, where: tensor.name }))).values();
  const totalBytes = tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const job = { kind: "compare", sources: a.files.map(({ path }) => path), targets: b.files.map(({ path }) => path) } as const;
  let compared = 0;
  const next = () => tasks.next().value;
  const around = async ({ tensor }: { tensor: TensorComparison }, compare: () => Promise<LaneResult>) => {
    if (tensor.isDifferent) return;
    const { bytes, sameness } = await compare();
    if (sameness !== undefined) tensor.note(sameness);
    compared += bytes;
    options.onCompared?.(compared);
  };
  await withCrew(store, options, (crew) => crew.work({ job, totalBytes, next, around }));
}

/** Slots with only the one component's piece in each. */
function byComponent(slots: readonly BoundSlot[]): Map<number, BoundSlot[]> {
  const found = new Map<number, BoundSlot[]>();
  for (const bound of slots) {
    for (const piece of bound.slot.pieces) {
      const alone = { ...bound, slot: { ...bound.slot, pieces: [piece] } };
      found.set(piece.component, [...(found.get(piece.component) ?? []), alone]);
    }
  }
  return found;
}

/** In the dtype that its framework keeps it in whatever the model's: that the other side has another is no difference. */
const isKept = ({ slot, dtype }: BoundSlot): boolean => slot.dtype === dtype;

/** What is known of one tensor so far. */
class TensorComparison {
  /** As stored in A. */
  readonly byteLength: number;
  private readonly isMissing: boolean;
  private sameness: Sameness = { values: true, rounded: true };

  constructor(
    readonly name: string,
    private readonly segments: readonly Segment[],
    expectedBytes: number,
    private readonly mayDifferInDtype: boolean,
  ) {
    this.byteLength = segments.reduce(
      (sum, { loops, byteLength }) => sum + loops.reduce((bytes, { count }) => bytes * count, byteLength),
      0,
    );
    this.isMissing = this.byteLength !== expectedBytes;
  }

  lanes(): Lane[] {
    return this.isMissing ? [] : lanesOf(this.segments);
  }

  get isDifferent(): boolean {
    return isDifferent(this.sameness);
  }

  note({ values, rounded }: Sameness): void {
    this.sameness = { values: this.sameness.values && values, rounded: this.sameness.rounded && rounded };
  }

  finding(): Finding {
    if (this.isMissing) return "missing";
    if (this.isDifferent) return "different";
    if (this.segments.every(({ cast }) => cast === undefined)) return "equal";
    if (!this.sameness.values) return "rounded";
    return this.mayDifferInDtype ? "equal" : "otherDtype";
  }
}
