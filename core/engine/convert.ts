// convert: prepare, write beside the destination, publish by rename. On failure nothing is left.

import { isAbsolute, resolve } from "node:path";
import { CheckpointError, UsageError, WeighbridgeError } from "../errors.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import { plannedBytes } from "../plan/plan.js";
import { runPlan } from "../plan/run.js";
import type { Store, WritableFile } from "../store/store.js";
import { readWhole, writeText, writeWhole } from "../store/text.js";
import { type Context, type PlanOptions, type Prepared, prepare } from "./prepare.js";
import { readCarried, receiptText } from "./receipt.js";
import { verify } from "./verify.js";

export interface ConvertOptions extends PlanOptions {
  /** `parameters` (default) reads the output back and compares every element before it is published. */
  readonly verify?: "none" | "parameters" | undefined;
  readonly overwrite?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  /** The output's path as Nanotron will see it; the destination's absolute path by default. */
  readonly nanotronRoot?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { bytes: number; totalBytes: number }) => void) | undefined;
}

export interface ConvertResult {
  readonly destination: string;
  readonly plugin: string;
  readonly files: number;
  readonly bytes: number;
  readonly segments: number;
  readonly semanticLosses: readonly string[];
  readonly warnings: readonly string[];
  readonly written: boolean;
  /** What was read back and compared before publishing. */
  readonly verified: "none" | "parameters";
}

/** Side files are documents and tokenizers; a larger one is no side file. */
const MAX_SIDE_FILE_BYTES = 256 * 1024 * 1024;

/** @throws every WeighbridgeError of reading, proving and writing; the destination is then as it was */
export async function convert(context: Context, path: string, destination: string, options: ConvertOptions): Promise<ConvertResult> {
  const { store } = context;
  const { nanotronRoot } = options;
  if (nanotronRoot !== undefined && !isAbsolute(nanotronRoot))
    throw new UsageError(`--nanotron-root ${nanotronRoot}: expected an absolute path`);
  await checkDestination(store, path, destination, options.overwrite ?? false);
  const prepared = await prepare(context, path, options);
  // Rounded values cannot equal their source, so a cast is not compared.
  const verified = options.dryRun === true || options.dtype !== undefined ? "none" : (options.verify ?? "parameters");
  if (options.dryRun !== true) await writeAll(context, prepared, destination, options, verified === "parameters" ? path : undefined);
  return {
    destination,
    plugin: prepared.match.plugin.name,
    files: prepared.files.length,
    bytes: plannedBytes(prepared.plan),
    segments: prepared.plan.segments.length,
    semanticLosses: prepared.losses,
    warnings: prepared.warnings,
    written: options.dryRun !== true,
    verified,
  };
}

async function checkDestination(store: Store, path: string, destination: string, overwrite: boolean): Promise<void> {
  const [from, to] = [resolve(path), resolve(destination)];
  if (from === to || from.startsWith(`${to}/`) || to.startsWith(`${from}/`))
    throw new UsageError(`${destination}: source and destination must be separate folders`);
  const status = await store.status(destination);
  if (status === undefined || overwrite) return;
  if (status.kind === "file" || (await store.list(destination)).length > 0)
    throw new UsageError(`${destination}: already exists`, { hint: "choose another destination or give --overwrite" });
}

async function writeAll(
  context: Context,
  prepared: Prepared,
  destination: string,
  options: ConvertOptions,
  compareWith: string | undefined,
): Promise<void> {
  const { store } = context;
  const final = resolve(destination);
  const staging = `${final}.weighbridge-partial-${process.pid}`;
  try {
    await writeWeights(store, prepared, staging, options);
    await writeRest(store, prepared, staging, final, options, compareWith === undefined ? "none" : "parameters");
    if (compareWith !== undefined) await checkOutput(context, compareWith, staging, options);
    await publish(store, staging, final);
  } catch (error) {
    await store.remove(staging);
    throw error;
  }
}

async function checkOutput(
  context: Context,
  source: string,
  staging: string,
  { plugin, sourceRopeInterleaved, signal }: ConvertOptions,
): Promise<void> {
  const { parameters } = await verify(context, source, staging, { plugin, sourceRopeInterleaved, signal });
  const [wrong] = [...parameters.different, ...parameters.missing, ...parameters.extra, ...parameters.otherDtype];
  if (wrong !== undefined)
    throw new CheckpointError(`${wrong}: what was written differs from its source`, {
      hint: "the disk or the source changed under the conversion; nothing was published",
    });
}

async function writeWeights(
  store: Store,
  { plan, files }: Prepared,
  staging: string,
  { signal, onProgress }: ConvertOptions,
): Promise<void> {
  const targets: WritableFile[] = [];
  const totalBytes = plannedBytes(plan);
  try {
    for (const { path, header } of files) {
      const file = await store.create(`${staging}/${path}`);
      targets.push(file);
      await file.write(header, 0);
    }
    await runPlan(
      plan,
      store,
      plan.sources.map(({ path }) => path),
      targets,
      { signal, onProgress: onProgress && (({ bytes }) => onProgress({ bytes, totalBytes })) },
    );
  } finally {
    for (const file of targets) await file.close();
  }
}

async function writeRest(
  store: Store,
  prepared: Prepared,
  staging: string,
  final: string,
  { nanotronRoot, maxShardBytes = 0, dtype }: ConvertOptions,
  verified: string,
): Promise<void> {
  const { source, architecture, arrangement, slots, files, version, match, target } = prepared;
  const carried = await readCarried(store, source);
  const settings = { ...match.configuration.settings, rope_interleaved: arrangement.ropeInterleaved };
  const runtimeRoot = nanotronRoot ?? final;
  const request = {
    architecture,
    arrangement,
    slots,
    files,
    version,
    settings,
    source,
    carried,
    runtimeRoot,
    dtypes: new Map(),
    maxShardBytes,
  };
  for (const { path, text } of target.documents(request)) await writeText(store, `${staging}/${path}`, text);
  for (const name of source.sideFiles)
    await writeWhole(store, `${staging}/${name}`, await readWhole(store, `${source.root}/${name}`, MAX_SIDE_FILE_BYTES));
  await writeText(store, `${staging}/${RECEIPT_NAME}`, receiptText(prepared, carried, { dtype, verified }));
}

/** A destination that is replaced is moved aside first, and back if the new one cannot take its place. */
async function publish(store: Store, staging: string, final: string): Promise<void> {
  if ((await store.status(final)) === undefined) return store.rename(staging, final);
  const aside = `${final}.weighbridge-old-${process.pid}`;
  await store.rename(final, aside);
  try {
    await store.rename(staging, final);
  } catch (error) {
    await store.rename(aside, final);
    throw error instanceof WeighbridgeError ? error : new UsageError(`${final}: cannot be replaced`, { cause: error });
  }
  await store.remove(aside);
}
