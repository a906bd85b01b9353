// plugins infer: a draft plugin from two checkpoints of one model, checked and proven on them before it is written.

import { join, resolve } from "node:path";
import type { Plugin } from "../architecture/declaration.js";
import { completePlugin, parsePlugin } from "../architecture/plugin.js";
import { StorageError, UsageError } from "../errors.js";
import { type Draft, inferDraft } from "../infer/infer.js";
import { printNames } from "../infer/names.js";
import { printDraft } from "../infer/print.js";
import type { Unexplained } from "../infer/rules.js";
import type { Checkpoint } from "../layout/layout.js";
import { Registry } from "../registry.js";
import type { Progress } from "../reporter.js";
import type { Store } from "../store/store.js";
import { type Context, openCheckpoint, openModel } from "./open.js";
import { verify } from "./verify.js";

export interface InferOptions {
  /** The new plugin's folder; by default one of the plugin's name in the working folder. */
  readonly out?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface InferReport {
  /** The drafted plugin's name. */
  readonly plugin: string;
  /** The folder that was written. */
  readonly folder: string;
  /** Tensors of each side that no rule of the draft explains, and what else of the two does not fit together. */
  readonly unexplained: readonly Unexplained[];
  /** What the draft says that the content of this pair does not show. */
  readonly remarks: readonly string[];
  /** Whether the draft carries each checkpoint's tensors to the other's bytes, all of them. */
  readonly carries: boolean;
}

/**
 * @param source - a Hugging Face folder
 * @param target - a Nanotron folder of the same model
 * @throws {UsageError} either is of another layout, or the plugin's folder is taken
 * @throws {CheckpointError | FormatError} either cannot be read, or nothing of one is in the other; nothing is written
 */
export async function infer(context: Context, source: string, target: string, options: InferOptions): Promise<InferReport> {
  if (options.out !== undefined) await refuseTaken(context.store, options.out);
  const huggingface = await openAs(context, source, "huggingface");
  const nanotron = await openAs(context, target, "nanotron");
  const draft = await inferDraft(context.store, huggingface, nanotron, {
    signal: options.signal,
    onRead: progressOf(context, options, huggingface, nanotron),
  });
  const folder = options.out ?? draft.file.name;
  await refuseTaken(context.store, folder);
  const path = join(folder, "plugin.yaml");
  const text = printDraft(draft.file, header(draft, huggingface, nanotron));
  // What is written is what is checked: the text, read back.
  const plugin = completePlugin(parsePlugin(text, path, folder), undefined, context.layouts.names());
  const differences = await differencesWith(context, plugin, source, target, draft, options);
  await write(context.store, resolve(folder), text);
  const unexplained = draft.unexplained.length > 0 || differences === undefined ? draft.unexplained : [differences];
  return { plugin: plugin.name, folder, unexplained, remarks: draft.remarks, carries: differences === undefined };
}

async function refuseTaken(store: Store, folder: string): Promise<void> {
  const status = await store.status(resolve(folder));
  if (status === undefined || (status.kind === "folder" && (await store.list(resolve(folder))).length === 0)) return;
  throw new UsageError(`${folder}: already exists`, { hint: "name another folder with --out" });
}

async function openAs(context: Context, path: string, expected: string): Promise<Checkpoint> {
  const { checkpoint, layout } = await openCheckpoint(context, path);
  if (layout.name === expected) return checkpoint;
  throw new UsageError(`${path}: expected a ${expected} checkpoint, found ${layout.name}`, {
    hint: "give the Hugging Face folder first, then Nanotron's",
  });
}

function progressOf({ reporter }: Context, { onProgress }: InferOptions, ...sides: readonly Checkpoint[]): (bytes: number) => void {
  const tensors = sides.flatMap(({ tensors: stored }) => [...stored.values()]);
  const totalBytes = tensors.reduce((sum, { byteStart, byteEnd }) => sum + byteEnd - byteStart, 0);
  let read = 0;
  return (bytes) => {
    read = Math.min(totalBytes, read + bytes); // what has no place is read once more, across
    const progress = { stage: "hash", bytes: read, totalBytes } as const;
    reporter.progress(progress);
    onProgress?.(progress);
  };
}

const header = ({ remarks, unexplained }: Draft, a: Checkpoint, b: Checkpoint): string[] => [
  `Drafted from ${a.root} and ${b.root}.`,
  "Read each remark before you trust it; plugins/README.md explains each key.",
  ...remarks,
  ...unexplained.flatMap(({ layout, names, because }) => printNames(names).map((name) => `NOT EXPLAINED, ${layout}: ${name}: ${because}`)),
];

/** The draft on the pair itself, by the engine's own parameters check. @returns undefined where every byte arrives */
async function differencesWith(
  context: Context,
  plugin: Plugin,
  source: string,
  target: string,
  { isInterleaved }: Draft,
  { signal, onProgress }: InferOptions,
): Promise<Unexplained | undefined> {
  const plugins = new Registry<Plugin>("plugin");
  plugins.add(plugin.name, plugin);
  // What only the first side stores is no difference to `verify`.
  const [problem] = (await openModel({ ...context, plugins }, source, { plugin: plugin.name })).stored.problems;
  if (problem !== undefined) return { layout: "huggingface", names: [], because: problem.message };
  const options = { plugin: plugin.name, checks: ["parameters"] as const, signal, onProgress };
  const says = (await openAs(context, target, "nanotron")).rawConfig.rope_interleaved !== undefined;
  const report = await verify(
    { ...context, plugins },
    source,
    target,
    says ? options : { ...options, sourceRopeInterleaved: isInterleaved },
  );
  if (report.verdict === "equal") return undefined;
  const { different = [], missing = [], extra = [] } = report.parameters ?? {};
  const names = [...different, ...missing, ...extra, ...report.settings];
  return { layout: "huggingface", names, because: "the draft does not carry it to Nanotron's bytes" };
}

/** All or nothing: what a failed write began is removed. */
async function write(store: Store, folder: string, text: string): Promise<void> {
  const isNew = (await store.status(folder)) === undefined;
  const path = join(folder, "plugin.yaml");
  try {
    const file = await store.create(path);
    try {
      await file.write(new TextEncoder().encode(text), 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const isTaken = error instanceof StorageError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "EEXIST";
    if (!isTaken) await store.remove(isNew ? folder : path);
    throw error;
  }
}
