// The parameters check: every element of every tensor of A against its place in B, whatever the two layouts are.

import type { Architecture } from "../architecture/architecture.js";
import { CancelledError, UnsupportedError } from "../errors.js";
import { type BoundSlot, compile } from "../plan/compile.js";
import { targetLength } from "../plan/coverage.js";
import { gather } from "../plan/gather.js";
import { type Lane, lanesOf } from "../plan/lanes.js";
import type { PlanFile, Segment } from "../plan/plan.js";
import { inParallel } from "../plan/pool.js";
import { Grown, readSpans, spanBytes } from "../plan/span-io.js";
import { type Tile, tilesOf } from "../plan/tiles.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import { castRun } from "../tensor/cast.js";
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

export interface CompareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every read with the bytes of A compared so far. */
  readonly onCompared?: ((bytes: number) => void) | undefined;
}

type Finding = "equal" | "different" | "missing" | "otherDtype" | "rounded";

/** Lanes compared at once, as many as the runner carries. */
const WORKERS = 8;

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
    return new TensorComparison(name, segments, numElements(shape) * itemSize(source[0]?.dtype ?? "U8"));
  });
  await new Comparison(store, a, b, options).run(tensors);
  const report: Record<Finding, string[]> = { equal: [], different: [], missing: [], otherDtype: [], rounded: [] };
  for (const tensor of tensors) report[tensor.finding()].push(tensor.name);
  return { ...report, extra };
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

/** What is known of one tensor so far. */
class TensorComparison {
  private readonly isMissing: boolean;
  private sameness: Sameness = { values: true, rounded: true };

  constructor(
    readonly name: string,
    private readonly segments: readonly Segment[],
    expectedBytes: number,
  ) {
    const found = segments.reduce((sum, { loops, byteLength }) => sum + loops.reduce((bytes, { count }) => bytes * count, byteLength), 0);
    this.isMissing = found !== expectedBytes;
  }

  lanes(): Lane[] {
    return this.isMissing ? [] : lanesOf(this.segments);
  }

  get isDifferent(): boolean {
    return !this.sameness.values && !this.sameness.rounded;
  }

  compare(tile: Tile, mine: Uint8Array, gathered: Uint8Array, theirs: Uint8Array): void {
    if (tile.cast === undefined) {
      if (Buffer.compare(gathered, theirs) !== 0) this.sameness = { values: false, rounded: false };
      return;
    }
    for (const [left, right] of pairsOf(tile, mine, theirs)) {
      this.sameness = stillSame(left, right, tile.cast, this.sameness);
      if (this.isDifferent) return;
    }
  }

  finding(): Finding {
    if (this.isMissing) return "missing";
    if (this.isDifferent) return "different";
    if (this.segments.every(({ cast }) => cast === undefined)) return "equal";
    return this.sameness.values ? "otherDtype" : "rounded";
  }
}

class Comparison {
  private compared = 0;
  private readonly files: OpenFiles;
  private readonly paths: readonly [a: readonly string[], b: readonly string[]];
  private readonly buffers = Array.from({ length: WORKERS }, () => ({ mine: new Grown(), gathered: new Grown(), theirs: new Grown() }));

  constructor(
    store: Store,
    a: VerifySide,
    b: VerifySide,
    private readonly options: CompareOptions,
  ) {
    this.files = new OpenFiles(store);
    this.paths = [a.files.map(({ path }) => path), b.files.map(({ path }) => path)];
  }

  async run(tensors: readonly TensorComparison[]): Promise<void> {
    const tasks = tensors.flatMap((tensor) => tensor.lanes().map((lane) => ({ tensor, lane })));
    try {
      await inParallel(
        WORKERS,
        () => tasks.shift(),
        async ({ tensor, lane }, worker) => {
          for (const tile of tilesOf(lane)) {
            if (tensor.isDifferent) return;
            await this.compareTile(tensor, tile, worker);
          }
        },
      );
    } finally {
      await this.files.close();
    }
  }

  private async compareTile(tensor: TensorComparison, tile: Tile, worker: number): Promise<void> {
    if (this.options.signal?.aborted === true) throw new CancelledError("cancelled while comparing; nothing was written");
    const { mine, gathered, theirs } = this.buffers[worker] as (typeof this.buffers)[number];
    const left = mine.sized(spanBytes(tile.reads));
    const right = theirs.sized(spanBytes(tile.writes));
    await readSpans(this.files, this.paths[0], tile.reads, left);
    await readSpans(this.files, this.paths[1], tile.writes, right);
    const isPlain = tile.copies.length === 0 || tile.cast !== undefined;
    const expected = isPlain ? left : gathered.sized(right.byteLength);
    if (!isPlain) gather(tile, left, expected, "");
    tensor.compare(tile, left, expected, right);
    this.compared += left.byteLength;
    this.options.onCompared?.(this.compared);
  }
}

/** The runs of a tile on both sides. */
function* pairsOf({ copies, cast }: Tile, mine: Uint8Array, theirs: Uint8Array): Generator<[left: Uint8Array, right: Uint8Array]> {
  for (const { from, to, byteLength, count, fromStride, toStride } of copies) {
    const targetRun = targetLength(byteLength, cast);
    for (let run = 0; run < count; run++) {
      const [start, place] = [from + run * fromStride, to + run * toStride];
      yield [mine.subarray(start, start + byteLength), theirs.subarray(place, place + targetRun)];
    }
  }
}

/** What all runs so far have in common. */
interface Sameness {
  readonly values: boolean;
  readonly rounded: boolean;
}

function stillSame(left: Uint8Array, right: Uint8Array, cast: Segment["cast"], { values, rounded }: Sameness): Sameness {
  if (cast === undefined) {
    const isSame = Buffer.compare(left, right) === 0;
    return { values: isSame, rounded: isSame };
  }
  return {
    values: values && Buffer.compare(castRun(left, cast.from, "F32"), castRun(right, cast.to, "F32")) === 0,
    rounded: rounded && isRounded(left, right, cast),
  };
}

function isRounded(left: Uint8Array, right: Uint8Array, { from, to }: NonNullable<Segment["cast"]>): boolean {
  try {
    return Buffer.compare(castRun(left, from, to), right) === 0;
  } catch (error) {
    if (error instanceof UnsupportedError) return false; // a value that B's dtype cannot hold is not in B
    throw error;
  }
}
