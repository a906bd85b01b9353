// verify: two checkpoints, each read by its own config, compared tensor by tensor and by what their own forwards predict.

import { CheckpointError, UsageError } from "../errors.js";
import type { Progress } from "../reporter.js";
import type { ParametersReport } from "../verify/parameters.js";
import type { PredictionsReport } from "../verify/predictions.js";
import { checkParameters, type ParametersFinding } from "./check-parameters.js";
import { chooseForwards, findPredictions, noForward, type PredictionsFinding, predictionsOutcome } from "./check-predictions.js";
import { checkReceipts } from "./check-receipts.js";
import { type VerifyDetails, verifyDetails } from "./details.js";
import { type Context, type Model, modelOf, openCheckpoint } from "./open.js";
import { type SideReport, sideReport } from "./side.js";
import { CHECKS, type Check, type VerifyOptions } from "./verify-options.js";

export interface VerifyReport {
  readonly a: SideReport;
  readonly b: SideReport;
  readonly verdict: "equal" | "different";
  /** How strong the verdict is, and why. */
  readonly evidence: string;
  /** Null when not asked for. */
  readonly parameters: ParametersReport | null;
  /** Settings of the forward that differ as the two frameworks take them; part of the parameters check. */
  readonly settings: readonly string[];
  /** Null when not asked for, or when there was no forward to run; `evidence` then says so. */
  readonly predictions: PredictionsReport | null;
  /** Null unless asked for. */
  readonly details: VerifyDetails | null;
}

/**
 * @throws {CheckpointError | UsageError} either folder cannot be read at all
 * @throws {ExecutorError} the executor asked for cannot run here
 */
export async function verify(context: Context, pathA: string, pathB: string, options: VerifyOptions): Promise<VerifyReport> {
  const checks = options.checks ?? ["parameters", "predictions"];
  if (checks.length === 0) throw new UsageError("nothing to check", { hint: "name parameters, predictions or both" });
  const unknown = checks.find((check) => !CHECKS.includes(check));
  if (unknown !== undefined) throw new UsageError(`check ${JSON.stringify(unknown)}: expected one of ${CHECKS.join(", ")}`);
  if (checks.includes("parameters") && checks.includes("receipt")) {
    throw new UsageError("parameters and receipt are two ways to compare the same tensors", { hint: "name one of them" });
  }
  const [a, b] = modelsOf(context, [await openCheckpoint(context, pathA), await openCheckpoint(context, pathB)], options);
  const { compared, predicted } = await runChecks(context, a, b, options, checks);
  const isDifferent = compared !== undefined && !compared.isEqual;
  const agree = predicted?.report?.agree ?? true;
  return {
    a: sideReport(a),
    b: sideReport(b),
    verdict: isDifferent || !agree ? "different" : "equal",
    evidence: [compared?.evidence, predicted?.evidence ?? "predictions were not asked for"].filter((part) => part !== undefined).join("; "),
    parameters: compared?.report ?? null,
    settings: compared?.settings ?? [],
    predictions: predicted?.report ?? null,
    details: options.details === true ? verifyDetails(a, b, compared?.report) : null,
  };
}

interface Findings {
  readonly compared: ParametersFinding | undefined;
  readonly predicted: PredictionsFinding | undefined;
}

/** Tensors are compared on this machine's cores; another device runs the forwards meanwhile. */
async function runChecks(context: Context, a: Model, b: Model, options: VerifyOptions, checks: readonly Check[]): Promise<Findings> {
  if (!checks.includes("predictions")) return { compared: await compareTensors(context, a, b, options, checks), predicted: undefined };
  const comparesTensors = checks.includes("parameters") || checks.includes("receipt");
  const impossible = comparesTensors ? noForward(context, a, b) : undefined;
  if (impossible !== undefined) {
    return { compared: await compareTensors(context, a, b, options, checks), predicted: { report: undefined, evidence: impossible } };
  }
  const choice = await chooseForwards(context, a, b, options);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const comparing = compareTensors(context, a, b, options, checks);
  const later = toldAfter(comparing, context, { ...options, signal });
  const predicting = predictionsOutcome(later.context, a, choice, later.options, () => comparing);
  try {
    const compared = await comparing;
    const isDifferent = compared !== undefined && !compared.isEqual;
    return { compared, predicted: findPredictions(await predicting, { compared: compared !== undefined, isDifferent }, options) };
  } catch (error) {
    stop.abort();
    await predicting;
    throw error;
  }
}

/** Two checks at once, and one bar: the forwards' progress is told once that of the comparison has been. */
function toldAfter(comparing: Promise<unknown>, context: Context, options: VerifyOptions): { context: Context; options: VerifyOptions } {
  let isCompared = false;
  const note = () => {
    isCompared = true;
  };
  comparing.then(note, note);
  const progress = (told: Progress) => {
    if (!isCompared) return;
    context.reporter.progress(told);
    options.onProgress?.(told);
  };
  const reporter = { progress, warning: (message: string) => context.reporter.warning(message) };
  return { context: { ...context, reporter }, options: { ...options, onProgress: undefined } };
}

async function compareTensors(
  context: Context,
  a: Model,
  b: Model,
  options: VerifyOptions,
  checks: readonly Check[],
): Promise<ParametersFinding | undefined> {
  if (checks.includes("receipt")) return checkReceipts(context, a, b, options);
  return checks.includes("parameters") ? checkParameters(context, a, b, options) : undefined;
}

type Opened = Awaited<ReturnType<typeof openCheckpoint>>;

/** The user's answer goes to a side that has no word of its own; one that neither can take is a mistake. */
export function modelsOf(
  context: Context,
  sides: readonly [Opened, Opened],
  { plugin, sourceRopeInterleaved: answer }: VerifyOptions,
): [Model, Model] {
  const modelWith = ({ checkpoint, layout }: Opened, sourceRopeInterleaved: boolean | undefined) =>
    modelOf(context, checkpoint, layout, { plugin, sourceRopeInterleaved });
  if (answer === undefined) return [modelWith(sides[0], undefined), modelWith(sides[1], undefined)];
  if (!sides.some((side) => isRight(() => modelWith(side, answer)))) modelWith(sides[0], answer); // says why
  const modelAt = (side: Opened) => modelWith(side, isRight(() => modelWith(side, undefined)) ? undefined : answer);
  return [modelAt(sides[0]), modelAt(sides[1])];
}

function isRight(open: () => Model): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof UsageError) return false;
    throw error;
  }
}
