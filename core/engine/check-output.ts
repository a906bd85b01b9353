// Holds what a conversion wrote against its source, before it is published: which checks, and what a failed one means.

import { CheckpointError } from "../errors.js";
import { bestExecutor } from "../executor/choose.js";
import { formatFigure } from "../format/figure.js";
import { DEFAULT_PREDICTIONS } from "../forward/prompt.js";
import { plannedBytes } from "../plan/plan.js";
import { isExpandable } from "../tensor/expand.js";
import { numElements } from "../tensor/shape.js";
import type { ParametersReport } from "../verify/parameters.js";
import type { PredictionsReport } from "../verify/predictions.js";
import { NOT_PREDICTED } from "./check-predictions.js";
import type { Checked, ConvertOptions, Verified, Writing } from "./convert-options.js";
import { hasForward } from "./forwards.js";
import { type Context, openModel } from "./open.js";
import type { Prepared } from "./prepared.js";
import { hashModel, type TensorDigests } from "./tensor-hashes.js";
import { type VerifyReport, verify } from "./verify.js";

/** Predictions on the CPU's executor take seconds per GB and token; beyond this they are for the user to ask for. */
const CHEAP_WEIGHT_BYTES = 1e9;

export async function affordableCheck(
  context: Context,
  { source, plan, losses, target }: Prepared,
  { dtype }: ConvertOptions,
): Promise<Verified> {
  if (dtype !== undefined || losses.length > 0 || !hasForward(context, source, target.name)) return "parameters";
  // No executor reads other dtypes: that is nothing against the conversion.
  if (source.slots.some(({ key }) => !isExpandable(source.checkpoint.tensors.get(key)?.dtype ?? "F32"))) return "parameters";
  const isCheap = plannedBytes(plan) < CHEAP_WEIGHT_BYTES || (await bestExecutor(context.executors)).name !== "cpu";
  return isCheap ? "predictions" : "parameters";
}

/** Multiplications that the CPU's executor does in some ten seconds. */
const PREDICTION_BUDGET = 2e10;
const FEWEST_PREDICTIONS = 16;

/**
 * What was asked for and no more: equal bytes, or the values that the cast gives; and the same predictions. Where nobody asked for
 * these, an executor that fails takes nothing from what the bytes say.
 */
export async function checkOutput(
  context: Context,
  prepared: Prepared,
  staging: string,
  { path, options, check }: Writing,
): Promise<Checked> {
  if (check === "none") return { verified: "none" };
  const { plugin, sourceRopeInterleaved, threads, signal, onProgress } = options;
  const checks = check === "predictions" ? (["parameters", "predictions"] as const) : (["parameters"] as const);
  const elements = prepared.source.architecture.components.reduce((sum, { shape }) => sum + numElements(shape), 0);
  const predictions = Math.max(FEWEST_PREDICTIONS, Math.min(DEFAULT_PREDICTIONS, Math.floor(PREDICTION_BUDGET / elements)));
  const executorFailure = options.verify === undefined ? "note" : "error";
  const asked = { plugin, sourceRopeInterleaved, checks, predictions, executorFailure, threads, signal, onProgress } as const;
  const report = await verify(context, path, staging, asked);
  if (report.parameters !== null) refuseParameters(report.parameters, options);
  if (report.predictions === null) return check === "predictions" ? unpredicted(report) : { verified: check };
  refusePredictions(report.predictions);
  return { verified: check };
}

/** The evidence ends in the reason. */
const unpredicted = ({ evidence }: VerifyReport): Checked => ({
  verified: "parameters",
  notice: `${evidence.slice(Math.max(0, evidence.indexOf(NOT_PREDICTED)))}; every element was compared`,
});

/** Of what was written, as it lies there. */
export async function hashOutput(context: Context, { plan }: Prepared, staging: string, { options }: Writing): Promise<TensorDigests> {
  const { plugin, signal, onProgress } = options;
  const totalBytes = plannedBytes(plan);
  const onHashed = (bytes: number) => {
    const progress = { stage: "hash", bytes, totalBytes } as const;
    context.reporter.progress(progress);
    onProgress?.(progress);
  };
  return hashModel(context, await openModel(context, staging, { plugin }), { signal, onHashed });
}

function refuseParameters({ different, missing, extra, otherDtype, rounded }: ParametersReport, { dtype }: ConvertOptions): void {
  const [wrong] = [...different, ...missing, ...extra, ...(dtype === undefined ? [...otherDtype, ...rounded] : [])];
  if (wrong === undefined) return;
  throw new CheckpointError(`${wrong}: what was written differs from its source`, {
    hint: "the disk or the source changed under the conversion; nothing was published",
  });
}

function refusePredictions({ firstDivergence }: PredictionsReport): void {
  if (firstDivergence === null) return;
  const { stage, distance, limit } = firstDivergence;
  const found = `expected a difference under ${formatFigure(limit)}, found ${formatFigure(distance)}`;
  throw new CheckpointError(`the two frameworks' forwards part at ${stage}: ${found}`, {
    hint: "every byte is where the plugin says, so its mapping or a setting is wrong; nothing was published",
  });
}
