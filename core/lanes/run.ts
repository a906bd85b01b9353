// Executes a plan: creates its target files, and has its lanes copied into them.

import { tensorAt } from "../plan/coverage.js";
import type { Plan } from "../plan/plan.js";
import type { Store } from "../store/store.js";
import type { Crew } from "./crew.js";
import { type Lane, lanesOf } from "./lanes.js";
import { Schedule } from "./schedule.js";
import { type RunTarget, TargetFiles, targetsOf } from "./target-files.js";

/** What an earlier run of the same plan has done, and where this one says what it did. */
export interface RunJournal {
  /** Numbers of lanes that need not be carried again. */
  readonly done: ReadonlySet<number>;
  record(lane: number, byteLength: number): Promise<void>;
}

export interface RunOptions {
  readonly journal?: RunJournal | undefined;
  /** Whether each file is to survive a power failure once it is complete; true by default. */
  readonly syncs?: boolean | undefined;
  /** Called after every lane with the bytes written so far, those of an earlier run included. */
  readonly onWritten?: ((bytes: number) => void) | undefined;
}

/**
 * Create a plan's target files and fill them.
 *
 * @param sources - paths of the plan's sources, in order
 * @param targets - the plan's targets, in order
 * @throws {StorageError | UnsupportedError | CancelledError} files written so far are left for the caller to remove
 */
export async function runPlan(
  crew: Crew,
  plan: Plan,
  store: Store,
  sources: readonly string[],
  targets: readonly RunTarget[],
  options: RunOptions = {},
): Promise<void> {
  const { journal, syncs = true, onWritten } = options;
  const lanes = lanesOf(plan.segments);
  const before = journal?.done ?? new Set();
  const isDone = (number: number) => before.has(number);
  const [done, left] = [lanes.filter((_, number) => isDone(number)), lanes.filter((_, number) => !isDone(number))];
  const started = journal === undefined ? undefined : new Set(done.flatMap(targetsOf));
  const files = new TargetFiles(store, targets, left, { started, syncs });
  const numbers = new Map(lanes.map((lane, number) => [lane, number]));
  const schedule = new Schedule(left);
  const next = () => {
    const lane = schedule.take();
    return lane === undefined ? undefined : { lane, where: castTensor(plan, lane) };
  };
  const job = { kind: "copy", sources, targets: targets.map(({ path }) => path) } as const;
  let written = bytesOf(done);
  await files.completeOthers();
  await crew.work({
    job,
    totalBytes: bytesOf(left),
    next,
    around: async ({ lane }, copy) => {
      await files.begin(lane);
      const { bytes } = await copy();
      written += bytes;
      onWritten?.(written);
      await files.finish(lane);
      await journal?.record(numbers.get(lane) ?? -1, lane.byteLength);
      schedule.finish(lane);
    },
  });
}

const bytesOf = (lanes: readonly Lane[]): number => lanes.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Whose values a lane casts, for the one that does not fit. */
function castTensor({ sources }: Plan, { members: [first] }: Lane): string {
  if (first?.cast === undefined) return "";
  const tensors = sources[first.source.file]?.tensors ?? [];
  return tensors[tensorAt(tensors, first.source.byteOffset)]?.name ?? "";
}
