// The predictions check of two open models: which tokens, which executor, and what it means when there is nothing to run.

import { ExecutorError, UnsupportedError, UsageError, WeighbridgeError } from "../errors.js";
import { expectExecutor, openExecutor } from "../executor/choose.js";
import { formatFigure } from "../format/figure.js";
import { choosePositions } from "../forward/predicted.js";
import { choosePrompt, DEFAULT_PREDICTIONS, type Prompt } from "../forward/prompt.js";
import { loadTokenizer } from "../forward/tokenizer.js";
import type { PositionRequest } from "../verify/positions.js";
import { comparePredictions, type PredictionsReport } from "../verify/predictions.js";
import { hasForward, type Runnable, runnable } from "./forwards.js";
import type { Context, Model } from "./open.js";
import type { VerifyOptions } from "./verify-options.js";

/** How evidence of predictions that were not compared begins; the reason follows. */
export const NOT_PREDICTED = "predictions were not compared";

export interface PredictionsFinding {
  readonly report: PredictionsReport | undefined;
  readonly evidence: string;
}

/** Forwards that ran, or why they did not. */
export type PredictionsOutcome = { readonly report: PredictionsReport } | { readonly error: unknown };

/** The forwards to run, and on what. */
interface Chosen {
  readonly sides: readonly [Runnable, Runnable];
  readonly prompt: Prompt;
  readonly shown: PositionRequest;
}

/** Or why there is nothing to run, which may count for little beside what else is found. */
export type Choice = Chosen | { readonly error: unknown };

/**
 * What the caller says about the forwards, looked at before any long work.
 *
 * @throws {UsageError | ExecutorError} what the caller says cannot be right, or the executor named cannot run here
 */
export async function chooseForwards(context: Context, a: Model, b: Model, options: VerifyOptions): Promise<Choice> {
  const { executor = "auto", prompt, tokens, positions, top } = options;
  await expectExecutor(context.executors, executor);
  try {
    return await choose(context, a, b, options);
  } catch (error) {
    const isCallers = [prompt, tokens, positions, top].some((said) => said !== undefined);
    if (error instanceof UsageError && isCallers) throw error;
    return { error };
  }
}

async function choose(context: Context, a: Model, b: Model, options: VerifyOptions): Promise<Chosen> {
  const [ours, theirs] = [runnable(context, a), runnable(context, b)];
  const tokenizer = (await loadTokenizer(context.store, a.checkpoint)) ?? (await loadTokenizer(context.store, b.checkpoint));
  const limits = {
    vocab: Math.min(ours.vocab, theirs.vocab),
    maxPositions: Math.min(ours.maxPositions, theirs.maxPositions),
    predictions: options.predictions ?? DEFAULT_PREDICTIONS,
  };
  const prompt = choosePrompt(options, tokenizer, limits);
  const shown = choosePositions(options, { predictions: prompt.tokens.length - 1, vocab: limits.vocab });
  return { sides: [ours, theirs], prompt, shown: { ...shown, tokenizer } };
}

/**
 * @param beforeRun - awaited when this machine's cores are to run the forwards, which would be in the way of other work on them
 * @returns an outcome in any case: what an error means depends on what else is known
 */
export async function predictionsOutcome(
  context: Context,
  a: Model,
  choice: Choice,
  options: VerifyOptions,
  beforeRun: () => Promise<unknown>,
): Promise<PredictionsOutcome> {
  if ("error" in choice) return choice;
  try {
    return { report: await runPredictions(context, a, choice, options, beforeRun) };
  } catch (error) {
    return { error };
  }
}

/** Whether the predictions of two models can be compared; if not, the parameters' word stands alone. */
export const noForward = (context: Context, a: Model, b: Model): string | undefined => {
  if (hasForward(context, a) && hasForward(context, b)) return undefined;
  const { family } = (hasForward(context, a) ? b : a).match.plugin;
  return `${NOT_PREDICTED}: family ${family} has no forward for both layouts`;
};

/** What the outcome says. For a model already found different that cannot even be run, the parameters' word stands alone. */
export function findPredictions(
  outcome: PredictionsOutcome,
  { compared, isDifferent }: { compared: boolean; isDifferent: boolean },
  { executorFailure }: VerifyOptions,
): PredictionsFinding {
  if ("report" in outcome) return { report: outcome.report, evidence: evidenceOf(outcome.report) };
  const { error } = outcome;
  if (!(error instanceof WeighbridgeError) || error.code === "CANCELLED") throw error;
  const isMinor = error instanceof UnsupportedError || (executorFailure === "note" && error instanceof ExecutorError);
  if (!isDifferent && !(compared && isMinor)) throw error;
  return { report: undefined, evidence: `${NOT_PREDICTED}: ${error.message}` };
}

async function runPredictions(
  context: Context,
  a: Model,
  { sides: [ours, theirs], prompt: { tokens, kind }, shown }: Chosen,
  options: VerifyOptions,
  beforeRun: () => Promise<unknown>,
): Promise<PredictionsReport> {
  const { executor, passedOver } = await openExecutor(context.executors, options.executor ?? "auto", context.store);
  try {
    if (executor.name === "cpu") await beforeRun();
    const { numerics = "exact", details: wantsDistribution = false, signal } = options;
    const onStage = stageCounter(context, a, options);
    const forward = { numerics, attention: "fused" } as const;
    const request = { executor, passedOver, tokens, prompt: kind, options: forward, shown, wantsDistribution, signal, onStage };
    return await comparePredictions(ours, theirs, request);
  } finally {
    await executor.close();
  }
}

function evidenceOf({ tokens, numerics, executor, prompt, limit, maxAbs, meanAbs, agree }: PredictionsReport): string {
  const measured =
    numerics === "exact" ? `largest logit difference ${formatFigure(maxAbs)}` : `mean logit difference ${formatFigure(meanAbs)}`;
  const outcome = agree ? "agree" : "do not agree";
  return `${tokens} predictions on ${prompt} by both frameworks' own forwards (${numerics}, ${executor}) ${outcome}: ${measured}, limit ${formatFigure(limit)}`;
}

/** A forward has a stage for its embedding, two for each layer, its final norm and its logits; each counts alike. */
function stageCounter({ reporter }: Context, { checkpoint, match }: Model, { onStage, onProgress }: VerifyOptions): (name: string) => void {
  const stages = 2 * (match.configuration.dimensions.layers ?? 1) + 3;
  const totalBytes = [...checkpoint.tensors.values()].reduce((sum, { byteStart, byteEnd }) => sum + byteEnd - byteStart, 0);
  let done = 0;
  return (name) => {
    const progress = { stage: "predict", bytes: Math.round((++done / stages) * totalBytes), totalBytes } as const;
    reporter.progress(progress);
    onProgress?.(progress);
    onStage?.(name);
  };
}
