// Executes a plan, file by file and window by window: correct first. A window is read in one go; runs that lie together in
// the target leave in one write, spread ones each in its own.

import { CancelledError } from "../errors.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store, WritableFile } from "../store/store.js";
import { castRun } from "../tensor/cast.js";
import type { Plan, PlanFile, Segment } from "./plan.js";
import { sourceSpan, type Window, windowsOf } from "./windows.js";

/** One read of the source holds at most this much. */
const SPAN_BYTES = 8 * 1024 * 1024;
/** What the runner holds of the weights at most: the bytes read, and the same bytes put together or cast to twice their size. */
export const RUN_BUFFER_BYTES = 3 * SPAN_BYTES;

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every window with the bytes written so far. */
  readonly onWritten?: ((bytes: number) => void) | undefined;
}

/** A file to be created: where, and the bytes before its first tensor. */
export interface RunTarget {
  readonly path: string;
  readonly header: Uint8Array;
}

/**
 * Create a plan's target files and fill them.
 *
 * @param sources - paths of the plan's sources, in order
 * @param targets - the plan's targets, in order
 * @throws {StorageError | CancelledError} files written so far are left for the caller to remove
 */
export async function runPlan(
  { segments, sources: files }: Plan,
  store: Store,
  sources: readonly string[],
  targets: readonly RunTarget[],
  options: RunOptions = {},
): Promise<void> {
  const from = new OpenFiles(store, sources);
  let next = 0;
  let bytes = 0;
  try {
    for (const [file, { path, header }] of targets.entries()) {
      const to = await store.create(path);
      try {
        await to.write(header, 0);
        for (let segment = segments[next]; segment?.target.file === file; segment = segments[++next]) {
          const where = segment.cast === undefined ? "" : tensorAt(files[segment.source.file], segment.source.byteOffset);
          for (const window of windowsOf(segment, SPAN_BYTES)) {
            if (options.signal?.aborted === true) throw new CancelledError("cancelled; nothing was published");
            await copyWindow(window, segment, from, to, where);
            bytes += window.runs * window.targetRun;
            options.onWritten?.(bytes);
          }
        }
      } finally {
        await to.close();
      }
    }
  } finally {
    await from.close();
  }
}

async function copyWindow(window: Window, { source, cast }: Segment, from: OpenFiles, to: WritableFile, where: string): Promise<void> {
  const span = await from.read(source.file, window.sourceOffset, sourceSpan(window));
  const { runs, sourceRun, sourceStride, targetRun, targetStride, targetOffset } = window;
  const pieces = Array.from({ length: runs }, (_, run) =>
    converted(span.subarray(run * sourceStride, run * sourceStride + sourceRun), cast, where),
  );
  if (runs > 1 && targetStride === targetRun) return to.write(Buffer.concat(pieces), targetOffset);
  for (const [run, piece] of pieces.entries()) await to.write(piece, targetOffset + run * targetStride);
}

const converted = (run: Uint8Array, cast: Segment["cast"], where: string): Uint8Array =>
  cast === undefined ? run : castRun(run, cast.from, cast.to, where);

const tensorAt = (file: PlanFile | undefined, offset: number): string =>
  file?.tensors.find(({ byteStart, byteEnd }) => byteStart <= offset && offset < byteEnd)?.name ?? "";
