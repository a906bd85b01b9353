// predict: a checkpoint's next-token predictions, as its own framework computes them, scored against the tokens that follow.

import { UsageError } from "../errors.js";
import { openExecutor } from "../executor/choose.js";
import type { Executor, Tensor, Timings } from "../executor/executor.js";
import { npyHeader } from "../format/npy.js";
import type { Numerics } from "../forward/forward.js";
import { choosePositions, describeCandidates, type PredictedToken } from "../forward/predicted.js";
import { choosePrompt, DEFAULT_PREDICTIONS } from "../forward/prompt.js";
import { runToLogits } from "../forward/run.js";
import { loadTokenizer } from "../forward/tokenizer.js";
import type { Store } from "../store/store.js";
import { type ForwardChoices, runnable } from "./forwards.js";
import { type Context, type ModelOptions, openModel } from "./open.js";

export interface PredictOptions extends ModelOptions, ForwardChoices {
  /** Predictions to show, counted from 0; the original scripts' 5, 27 and 34 by default, as far as the prompt reaches. */
  readonly positions?: readonly number[] | undefined;
  /** Best tokens to show at each; 10 by default. */
  readonly top?: number | undefined;
  /** Where transformers' attention rounds: `fused` (its default) or `eager`. Only for `framework` numerics. */
  readonly attention?: "fused" | "eager" | undefined;
  /** A .npy file to write all logits to, float32 [n, vocabulary]. */
  readonly logits?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called at every stage of the forward, e.g. `layer 3 attention`. */
  readonly onStage?: ((name: string) => void) | undefined;
}

export interface PredictReport {
  readonly plugin: string;
  readonly layout: string;
  readonly tp: number;
  readonly executor: string;
  readonly device: string;
  /** Executors that `auto` would rather have taken, each with the reason why it did not. */
  readonly passedOver: readonly string[];
  readonly numerics: Numerics;
  readonly prompt: string;
  /** Predictions made: n, on n + 1 tokens. */
  readonly tokens: number;
  /** Predictions that equal the next token, and their share. */
  readonly correct: number;
  readonly accuracy: number;
  /** By position, the best tokens with their probabilities; `text` is null without a tokenizer. */
  readonly positions: Readonly<Record<string, readonly PredictedToken[]>>;
  /** Null for an executor that does not measure. */
  readonly timings: Timings | null;
}

/** Logits leave the device in parts of about this size. */
const READ_BYTES = 16 * 1024 * 1024;

export async function predict(context: Context, path: string, options: PredictOptions): Promise<PredictReport> {
  const { store } = context;
  const { numerics = "exact", attention = "fused", signal } = options;
  const model = await openModel(context, path, options);
  const { forward, source, vocab, maxPositions } = runnable(context, model);
  const tokenizer = await loadTokenizer(store, model.checkpoint);
  const { tokens, kind } = choosePrompt(options, tokenizer, { vocab, maxPositions, predictions: DEFAULT_PREDICTIONS });
  const n = tokens.length - 1;
  const { positions, top } = choosePositions(options, { predictions: n, vocab });
  if (options.logits !== undefined) await expectWritable(store, options.logits);
  const { executor, passedOver } = await openExecutor(context.executors, options.executor ?? "auto", store);
  try {
    const running = forward(executor, source, tokens.subarray(0, n), { numerics, attention });
    const logits = await runToLogits(running, options.onStage ?? (() => undefined), signal);
    const best = await executor.argmax(logits);
    const correct = best.reduce((count, token, at) => count + (token === tokens[at + 1] ? 1 : 0), 0);
    const candidates = await executor.topK(logits, positions, top);
    if (options.logits !== undefined) await writeLogits(store, options.logits, executor, logits);
    return {
      plugin: model.match.plugin.name,
      layout: model.layout.name,
      tp: model.arrangement.tp,
      executor: executor.name,
      device: executor.device,
      passedOver,
      numerics,
      prompt: kind,
      tokens: n,
      correct,
      accuracy: correct / n,
      positions: Object.fromEntries(positions.map((position, at) => [position, describeCandidates(candidates[at] ?? [], tokenizer)])),
      timings: (await executor.timings?.()) ?? null,
    };
  } finally {
    await executor.close();
  }
}

const stagingOf = (path: string): string => `${path}.weighbridge-partial-${process.pid}`;

/** A forward may take minutes: what would then stop the file is said before. */
async function expectWritable(store: Store, path: string): Promise<void> {
  if ((await store.status(path))?.kind === "folder")
    throw new UsageError(`${path}: expected a file for the logits, found a folder`, { hint: "name a file in it" });
  try {
    await (await store.create(stagingOf(path))).close();
  } finally {
    await store.remove(stagingOf(path));
  }
}

/** The file appears complete or not at all. */
async function writeLogits(store: Store, path: string, executor: Executor, logits: Tensor): Promise<void> {
  const [rows, columns] = logits.shape;
  const staging = stagingOf(path);
  try {
    const file = await store.create(staging);
    try {
      const header = npyHeader([rows, columns]);
      await file.write(header, 0);
      const atOnce = Math.max(1, Math.floor(READ_BYTES / (columns * 4)));
      for (let row = 0; row < rows; row += atOnce) {
        const part = await executor.read(logits, row, Math.min(atOnce, rows - row));
        await file.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), header.byteLength + row * columns * 4);
      }
    } finally {
      await file.close();
    }
    await store.rename(staging, path);
  } catch (error) {
    await store.remove(staging);
    throw error;
  }
}
