// convert: prepare, write beside the destination, compare, publish by rename. On failure nothing is left.

import { isAbsolute, resolve } from "node:path";
import { CancelledError, CheckpointError, UsageError } from "../errors.js";
import { type Crew, withCrew } from "../lanes/crew.js";
import { runPlan } from "../lanes/run.js";
import type { Checkpoint, Topology } from "../layout/layout.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import { plannedBytes } from "../plan/plan.js";
import type { Store } from "../store/store.js";
import { readWhole, writeAnew } from "../store/text.js";
import { affordableCheck, checkOutput, hashOutput } from "./check-output.js";
import { weightBytes } from "./check-parameters.js";
import type { Checked, ConvertOptions, Verified, Writing } from "./convert-options.js";
import { checkDestination, publish, type Staging } from "./destination.js";
import { expectUnchanged, identityOf, sourceState } from "./identity.js";
import type { Context } from "./open.js";
import { prepare } from "./prepare.js";
import type { Prepared } from "./prepared.js";
import { receiptText } from "./receipt.js";
import { differingTwins } from "./twins.js";

export interface ConvertResult {
  readonly destination: string;
  readonly plugin: string;
  readonly source: Topology & { readonly layout: string };
  readonly target: Topology & { readonly layout: string; readonly ropeInterleaved: boolean };
  /** Weight files. */
  readonly files: number;
  /** Of weights. */
  readonly bytes: number;
  readonly segments: number;
  /** What the target's framework computes differently, allowed on request. */
  readonly semanticLosses: readonly string[];
  readonly warnings: readonly string[];
  readonly written: boolean;
  /** What was read back and compared before publishing. */
  readonly verified: Verified;
}

/** Side files are documents and tokenizers; a larger one is no side file. */
const MAX_SIDE_FILE_BYTES = 256 * 1024 * 1024;

/** @throws every WeighbridgeError of reading, proving and writing; the destination is then as it was */
export async function convert(context: Context, path: string, destination: string, options: ConvertOptions): Promise<ConvertResult> {
  const { nanotronRoot, overwrite = false } = options;
  if (nanotronRoot !== undefined && !isAbsolute(nanotronRoot)) {
    throw new UsageError(`--nanotron-root ${nanotronRoot}: expected an absolute path`, {
      hint: "give the destination's path as Nanotron's ranks will see it",
    });
  }
  await checkDestination(context, path, destination, overwrite);
  return withCrew(context.store, options, (crew) => convertWith(crew, context, path, destination, options));
}

async function convertWith(
  crew: Crew,
  context: Context,
  path: string,
  destination: string,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const { reporter } = context;
  const { dryRun = false } = options;
  refuseCancelled(options);
  const prepared = await prepare(context, path, options, (model) => dryRun || crew.muster(weightBytes(model)));
  refuseCancelled(options);
  const { source, target, arrangement, plan, losses, warnings } = prepared;
  for (const line of [...warnings, ...losses.map((loss) => `the forward differs: ${loss}`)]) reporter.warning(line);
  await checkTwins(context, prepared);
  const check = dryRun ? "none" : (options.verify ?? (await affordableCheck(context, prepared, options)));
  const { verified, notice }: Checked = dryRun
    ? { verified: "none" }
    : await write(crew, context, prepared, { path, destination, options, check });
  return {
    destination,
    plugin: source.match.plugin.name,
    source: { layout: source.layout.name, ...source.checkpoint.topology },
    target: { layout: target.name, ...arrangement },
    files: prepared.files.length,
    bytes: plannedBytes(plan),
    segments: plan.segments.length,
    semanticLosses: losses,
    warnings: [...warnings, ...(notice === undefined ? [] : [notice])],
    written: !dryRun,
    verified,
  };
}

function refuseCancelled({ signal }: ConvertOptions): void {
  if (signal?.aborted === true) throw new CancelledError("cancelled; nothing was published");
}

async function checkTwins({ store }: Context, { source }: Prepared): Promise<void> {
  const [differing] = await differingTwins(store, source);
  if (differing === undefined) return;
  throw new CheckpointError(`${source.checkpoint.root}: ${differing.stored.name} is stored and differs from what the config ties it to`, {
    hint: "set tie_word_embeddings to false to keep it, or remove it",
  });
}

/** @returns what was compared */
async function write(crew: Crew, context: Context, prepared: Prepared, writing: Writing): Promise<Checked> {
  const { store } = context;
  const named = resolve(writing.destination);
  const final = await store.realPath(named);
  const { overwrite = false, fsync: syncs = true } = writing.options;
  const { checkpoint } = prepared.source;
  const state = await sourceState(store, prepared);
  const neededBytes = prepared.files.reduce((sum, { byteLength }) => sum + byteLength, await sideBytes(store, checkpoint));
  const publication = { final, neededBytes, overwrite, identity: identityOf(prepared, state), syncs };
  return publish(context, publication, async ({ folder: staging, journal }) => {
    await writeWeights(crew, context, prepared, { folder: staging, journal }, writing.options);
    await crew.close(); // before the comparison has a crew of its own
    await expectUnchanged(store, prepared, state);
    await writeDocuments(store, prepared, staging, writing.options.nanotronRoot ?? named);
    await writeSideFiles(store, checkpoint, staging);
    const checked = await checkOutput(context, prepared, staging, writing);
    if (checked.notice !== undefined) context.reporter.warning(checked.notice);
    const tensors = writing.options.hash === true ? await hashOutput(context, prepared, staging, writing) : undefined;
    await writeAnew(store, `${staging}/${RECEIPT_NAME}`, receiptText(prepared, { dtype: writing.options.dtype, checked, tensors }));
    refuseCancelled(writing.options);
    return checked;
  });
}

async function writeWeights(
  crew: Crew,
  { store, reporter }: Context,
  { plan, files }: Prepared,
  { folder, journal }: Staging,
  options: ConvertOptions,
): Promise<void> {
  const totalBytes = plannedBytes(plan);
  const sources = plan.sources.map(({ path }) => path);
  const targets = files.map(({ path, header }) => ({ path: `${folder}/${path}`, header }));
  const onWritten = (bytes: number) => {
    const progress = { stage: "copy", bytes, totalBytes } as const;
    reporter.progress(progress);
    options.onProgress?.(progress);
  };
  await runPlan(crew, plan, store, sources, targets, { onWritten, journal, syncs: options.fsync });
}

async function writeDocuments(store: Store, prepared: Prepared, staging: string, runtimeRoot: string): Promise<void> {
  const { source, arrangement, files, version, target, carried, settings } = prepared;
  const { checkpoint, architecture } = source;
  const documents = target.documents({ architecture, arrangement, files, version, settings, source: checkpoint, carried, runtimeRoot });
  for (const { path, text } of documents) await writeAnew(store, `${staging}/${path}`, text);
}

async function sideBytes(store: Store, { root, sideFiles }: Checkpoint): Promise<number> {
  let sum = 0;
  for (const name of sideFiles) sum += (await store.status(`${root}/${name}`))?.byteLength ?? 0;
  return sum;
}

async function writeSideFiles(store: Store, { root, sideFiles }: Checkpoint, staging: string): Promise<void> {
  for (const name of sideFiles)
    await writeAnew(store, `${staging}/${name}`, await readWhole(store, `${root}/${name}`, MAX_SIDE_FILE_BYTES));
}
