// The predictions check: both checkpoints' own forwards on the same tokens, in lockstep, compared at every stage and in the logits.

import { CheckpointError, UnsupportedError } from "../errors.js";
import type { Difference, Executor, Tensor, Timings } from "../executor/executor.js";
import type { Numerics } from "../forward/forward.js";
import { lockstep, type Meeting } from "../forward/run.js";
import { type Distribution, distributionOf } from "./distribution.js";
import { type Measure, meanOf, measuresOf, noiseOf, type RightVariants } from "./noise.js";
import { type PositionReport, positionsOf } from "./positions.js";
import type { PredictionRequest, PredictionSide } from "./prediction-request.js";
import { sensitivity } from "./sensitivity.js";
import { variantsOf } from "./variants.js";
import { weaknessesOf } from "./weaknesses.js";

/** Where two forwards first part, and by how much. */
export interface Divergence {
  /** e.g. `layer 3 attention`, `logits`. */
  readonly stage: string;
  /** What was measured there and the limit it exceeds: max |Δ| in exact numerics, mean |Δ| in framework numerics. */
  readonly distance: number;
  readonly limit: number;
}

/** How far two forwards are apart at a point that both pass. */
export interface StageReport extends Divergence {
  /**
   * What rounding alone makes of `distance` here, where it was measured on these weights: in framework numerics the furthest that two of
   * one side, another order of its sums, another TP and roundings in other places are apart, and in exact ones, when in doubt, what errors of
   * float32's size do.
   */
  readonly noise: number | null;
  /** Root of the mean square of A's states, or logits: the scale against which the distance is large or small. */
  readonly rms: number;
}

export interface PredictionsReport {
  readonly executor: string;
  readonly device: string;
  /** Executors that `auto` would rather have taken, each with the reason why it did not. */
  readonly passedOver: readonly string[];
  readonly numerics: Numerics;
  /** Predictions made, n, on n + 1 tokens of `prompt`. */
  readonly tokens: number;
  readonly prompt: string;
  /** Why agreement on this prompt says little, a phrase for each reason; empty where it says much. */
  readonly weaknesses: readonly string[];
  /** Predictions that equal the next token, and their share. */
  readonly correctA: number;
  readonly correctB: number;
  readonly accuracyA: number;
  readonly accuracyB: number;
  /** Positions at which both predict the same token, and share of positions with the same ten best tokens in the same order. */
  readonly argmaxEqual: number;
  readonly top10Equal: number;
  /** Of the logits. */
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** Share of logits with equal float32 bits. */
  readonly bitEqual: number;
  /** KL(A ‖ B) over positions, in nats. */
  readonly kl: { readonly mean: number; readonly max: number };
  /** For max |Δlogit| in exact numerics, for mean |Δlogit| in framework numerics. */
  readonly limit: number;
  /** What of the logits is judged besides `stages`: in framework numerics; in exact ones the bound on each logit bounds all that follows. */
  readonly measures: readonly Measure[];
  /** A stage, else one of the measures of the logits. */
  readonly firstDivergence: Divergence | null;
  /** In the order in which the forwards pass them; the logits are the last. */
  readonly stages: readonly StageReport[];
  readonly agree: boolean;
  /** By position. */
  readonly positions: Readonly<Record<string, PositionReport>>;
  /** Null unless asked for. */
  readonly distribution: Distribution | null;
  /** Null for an executor that does not measure. */
  readonly timings: Timings | null;
}

/** @throws {CheckpointError} the models have other numbers of layers or other widths; whatever the forwards and the executor throw */
export async function comparePredictions(a: PredictionSide, b: PredictionSide, request: PredictionRequest): Promise<PredictionsReport> {
  const { executor, tokens, options, signal, onStage } = request;
  const inputs = tokens.subarray(0, -1);
  const start = ({ forward, source }: PredictionSide, on: Executor) => forward(on, source, inputs, options);
  const variants = (side: PredictionSide, other: PredictionSide) =>
    options.numerics === "exact" ? [] : variantsOf(side.source, other.source).map((on) => start(side, on(executor)));
  const forwards = [start(a, executor), start(b, executor), ...variants(a, b), ...variants(b, a)];
  const stages: Measured[] = [];
  let measuring: Promise<Measured> | undefined;
  for await (const meeting of lockstep(forwards, signal)) {
    onStage?.(meeting.name);
    // A stage is measured while the next one is under way, so that no device waits for a host that waits for it.
    const before = measuring;
    measuring = measure(executor, meeting, a);
    measuring.catch(() => {}); // met at the next stage
    if (before !== undefined) stages.push(await before);
    if (meeting.name !== "logits") continue;
    try {
      const measured = await measuring;
      stages.push(measured);
      const judged = isDoubtful(stages, options.numerics) ? allowFor(await sensitivity(a, request), stages) : stages;
      const summary = await summarize(request, meeting, measured.difference);
      const { rmsA } = measured.difference;
      const least = exactLimit(rmsA, a.layers, a.hidden);
      const measures =
        options.numerics === "exact"
          ? []
          : await measuresOf(executor, rightVariants(meeting.tensors), measured.difference, summary.kl.mean, least);
      const beyond = measures.map(({ name, ...measure }) => ({ stage: `logits, ${name}`, ...measure })).find(isBeyond);
      const firstDivergence = judged.find(isBeyond) ?? beyond ?? null;
      return {
        ...summary,
        limit: judged.at(-1)?.limit ?? measured.limit,
        measures,
        firstDivergence: firstDivergence && divergenceOf(firstDivergence),
        stages: judged.map((stage) => ({ ...divergenceOf(stage), noise: stage.noise, rms: stage.difference.rmsA })),
        agree: firstDivergence === null,
        timings: (await executor.timings?.()) ?? null,
      };
    } finally {
      executor.release(...meeting.tensors);
    }
  }
  throw new CheckpointError("the two models have other numbers of layers, so that their predictions cannot be compared");
}

interface Measured extends Divergence {
  readonly difference: Difference;
  readonly noise: number | null;
}

/** As `comparePredictions` starts them: A, B, A's variants, and as many of B's. */
function rightVariants([ours, theirs, ...variants]: readonly Tensor[]): RightVariants {
  const half = variants.length / 2;
  return { ours: [ours as Tensor, ...variants.slice(0, half)], theirs: [theirs as Tensor, ...variants.slice(half)] };
}

const divergenceOf = ({ stage, distance, limit }: Divergence): Divergence => ({ stage, distance, limit });

/** NaN is beyond every limit. */
const isBeyond = ({ distance, limit }: Divergence): boolean => !(distance <= limit);

/** Of the size of the states, on average: rounding errors grow large in a few tokens at most, and a fault that moves all is none of them. */
const BEYOND_DOUBT = 2 ** -12;

/** Further apart than most models' rounding errors, and still so near that this model may be an exception. */
const isDoubtful = (stages: readonly Measured[], numerics: Numerics): boolean =>
  numerics === "exact" &&
  stages.some(isBeyond) &&
  stages.every((stage) => !isBeyond(stage) || stage.difference.meanAbs <= BEYOND_DOUBT * stage.difference.rmsA);

const allowFor = (noise: ReadonlyMap<string, number>, stages: readonly Measured[]): Measured[] =>
  stages.map((measured) => {
    const made = noise.get(measured.stage) ?? 0;
    return { ...measured, noise: made, limit: Math.max(measured.limit, EXACT_MARGIN * made) };
  });

/** All reads are asked for at once: the forwards release the tensors when they go on. */
async function measure(executor: Executor, { tensors, name: stage }: Meeting, { layers, hidden }: PredictionSide): Promise<Measured> {
  const [ours, theirs, ...variants] = tensors as [Tensor, Tensor, ...Tensor[]];
  const isExact = variants.length === 0;
  if (ours.shape[1] !== theirs.shape[1]) {
    throw new CheckpointError(`${stage}: A has ${ours.shape[1]} columns, B ${theirs.shape[1]}, so that they cannot be compared`);
  }
  const apart = async (one: Tensor, other: Tensor) => (await executor.difference(one, other)).meanAbs;
  const [difference, noise] = await Promise.all([
    executor.difference(ours, theirs),
    isExact ? null : noiseOf(rightVariants(tensors), apart, 1),
  ]);
  const { rmsA, rmsB } = difference;
  if (!Number.isFinite(rmsA) && !Number.isFinite(rmsB)) {
    throw new UnsupportedError(`${stage}: both forwards give values that are not finite, so that their predictions say nothing`, false);
  }
  // Logits of nothing but zeros are uniform ones: the stages before them were compared.
  if (rmsA === 0 && rmsB === 0 && stage !== "logits") {
    throw new UnsupportedError(`${stage}: both forwards give nothing but zeros, so that their predictions say nothing`, false);
  }
  const limit = exactLimit(Number.isFinite(rmsA) ? rmsA : rmsB, layers, hidden);
  if (noise === null) return { stage, difference, distance: difference.maxAbs, limit, noise };
  // Sums are as free in their order here: alone they make the noise where nothing rounds, as in float32 models.
  return { stage, difference, distance: difference.meanAbs, limit: Math.max(limit, FRAMEWORK_MARGIN * noise), noise };
}

/** Unit roundoff of float32. */
const UNIT = 2 ** -24;
/** From a typical error to the largest of all tokens and columns, and from a layer's input to its output. */
const EXACT_MARGIN = 8;

/**
 * The two forwards are one function up to the order of float32 sums. A sum of H terms errs by about √H units of its size, and the
 * layers' errors add up at worst. Measured on the bundled model: 31 units of the rms between TP 1 and TP 4 on the CPU, 57 to
 * transformers' own float32 logits; the limit there is 362, and rms_norm_eps × 10 gives 700 000. Models that multiply
 * errors exceed it rightly; what they may do is measured, by `sensitivity`.
 */
const exactLimit = (rms: number, layers: number, hidden: number): number => EXACT_MARGIN * UNIT * layers * Math.sqrt(hidden) * rms;

/**
 * Two right forwards' mean distance over that of the two furthest apart of one side and its right variants. Of 2460 right comparisons of
 * random models, each way, the furthest stage is at 1.29; in the bundled model rms_norm_eps × 10 gives 1.7
 * and more. Against A's variants alone one right conversion was at 1.64.
 */
const FRAMEWORK_MARGIN = 1.5;

type Summary = Omit<PredictionsReport, "limit" | "measures" | "firstDivergence" | "stages" | "agree" | "timings">;

async function summarize(
  { executor, passedOver = [], tokens, prompt, options, shown, wantsDistribution = false }: PredictionRequest,
  { tensors }: Meeting,
  difference: Difference,
): Promise<Summary> {
  const [a, b] = tensors as [Tensor, Tensor];
  const n = tokens.length - 1;
  const [bestA, bestB] = [await executor.argmax(a), await executor.argmax(b)];
  const labels = tokens.subarray(1);
  const [correctA, correctB] = [countEqual(bestA, labels), countEqual(bestB, labels)];
  const kl = await executor.divergence(a, b);
  return {
    executor: executor.name,
    device: executor.device,
    passedOver,
    numerics: options.numerics,
    tokens: n,
    prompt,
    weaknesses: await weaknessesOf(executor, tokens, a),
    correctA,
    correctB,
    accuracyA: correctA / n,
    accuracyB: correctB / n,
    argmaxEqual: countEqual(bestA, bestB),
    top10Equal: await countTop10(executor, a, b),
    maxAbs: difference.maxAbs,
    meanAbs: difference.meanAbs,
    bitEqual: difference.bitEqual / difference.numElements,
    kl: { mean: meanOf(kl), max: kl.reduce((most, value) => Math.max(most, value), 0) },
    positions: await positionsOf(executor, [a, b], tokens, shown),
    distribution: wantsDistribution ? await distributionOf(executor, a, b) : null,
  };
}

const countEqual = (a: Uint32Array, b: Uint32Array): number => a.reduce((count, value, at) => count + (value === b[at] ? 1 : 0), 0);

async function countTop10(executor: Executor, a: Tensor, b: Tensor): Promise<number> {
  const rows = Array.from({ length: a.shape[0] }, (_, row) => row);
  const k = Math.min(10, a.shape[1]);
  const [best, other] = [await executor.topK(a, rows, k), await executor.topK(b, rows, k)];
  return best.filter((candidates, row) => candidates.every(({ token }, at) => token === other[row]?.[at]?.token)).length;
}
