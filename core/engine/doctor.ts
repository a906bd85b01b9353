// doctor: why a checkpoint is not what its original is. Verifies, and then tries the known faults on what differs.

import { CanonicalTensors } from "../diagnose/canonical-tensors.js";
import type { Case, SettingDifference } from "../diagnose/case.js";
import { conclude, type Diagnosis, diagnose, type Outcome } from "../diagnose/diagnose.js";
import type { Explanation } from "../diagnose/hypothesis.js";
import type { Side } from "../diagnose/side.js";
import { type TensorDifference, tensorDifferences } from "../diagnose/tensor-differences.js";
import { UsageError } from "../errors.js";
import type { Progress } from "../reporter.js";
import { itemSize } from "../tensor/dtype.js";
import { numElements, sameShape } from "../tensor/shape.js";
import type { Divergence } from "../verify/predictions.js";
import { settingDifferences, sideOf } from "./check-parameters.js";
import { type Context, type Model, openCheckpoint } from "./open.js";
import { withoutStaleFiles } from "./stale-files.js";
import { modelsOf, type VerifyReport, verify } from "./verify.js";
import type { VerifyOptions } from "./verify-options.js";

/** `checks` without predictions leaves out which op parts first. */
export type DoctorOptions = VerifyOptions;

export interface DoctorReport {
  readonly verdict: "equal" | "different";
  /** Null when nothing differs. */
  readonly outcome: Outcome | null;
  /** The finding in a sentence or two. */
  readonly summary: string;
  /** One fault when `explained`; each of several when `ambiguous`; several together when `combined`; what there is when `unexplained`. */
  readonly explanations: readonly Explanation[];
  /** Tensors and settings that no known fault accounts for. */
  readonly unexplained: readonly string[];
  /** Where the two forwards first part; null when they do not, or were not run: `evidence` then says why. */
  readonly firstDivergence: Divergence | null;
  readonly tensors: readonly TensorDifference[];
  readonly settings: readonly SettingDifference[];
  /** What is wrong with either checkpoint by itself. */
  readonly problems: readonly string[];
  readonly evidence: string;
}

/**
 * @param pathA - the checkpoint believed right
 * @param pathB - the one suspected
 * @throws {CheckpointError | UsageError} either folder cannot be read at all, for another reason than stale files
 */
export async function doctor(context: Context, pathA: string, pathB: string, options: DoctorOptions): Promise<DoctorReport> {
  if (options.checks?.includes("parameters") === false)
    throw new UsageError("a fault is looked for in the tensors", { hint: "name parameters among the checks" });
  const { store, explanation, files } = await withoutStaleFiles(context, pathB, options);
  const examined = await examine({ ...context, store }, pathA, pathB, options);
  if (explanation === undefined) return examined;
  const explanations = [explanation, ...examined.explanations];
  const differing = [...examined.tensors, ...examined.settings].map(({ name }) => name);
  const names = examined.verdict === "different" && differing.length === 0 ? ["predictions"] : differing;
  return { ...examined, verdict: "different", ...told(conclude(explanations, [...files, ...names]), examined.firstDivergence) };
}

async function examine(context: Context, pathA: string, pathB: string, options: DoctorOptions): Promise<DoctorReport> {
  const report = await verify(context, pathA, pathB, options);
  const [a, b] = modelsOf(context, [await openCheckpoint(context, pathA), await openCheckpoint(context, pathB)], options);
  const settings = settingDifferences(a, b);
  const firstDivergence = report.predictions?.firstDivergence ?? null;
  const problems = [...problemsOf(a), ...problemsOf(b)];
  const { verdict, evidence, parameters } = report;
  const shared = { verdict, firstDivergence, settings, problems, evidence };
  if (verdict === "equal" || parameters === null) {
    return { ...shared, outcome: null, summary: "no difference found", explanations: [], unexplained: [], tensors: [] };
  }
  const found = caseOf(context, a, b, { ...report, parameters }, options);
  try {
    const tensors = await tensorDifferences(found);
    const isSilent = tensors.length === 0 && settings.length === 0;
    const diagnosis: Diagnosis = isSilent ? { outcome: "unexplained", explanations: [], unexplained: [] } : await diagnose(found);
    return { ...shared, ...(isSilent ? silent(diagnosis, a, firstDivergence) : told(diagnosis, firstDivergence)), tensors };
  } finally {
    await found.tensors.close();
  }
}

const problemsOf = ({ checkpoint, stored }: Model): string[] => [
  ...stored.problems.map(({ message }) => message),
  ...checkpoint.problems.map(({ message }) => `${checkpoint.root}: ${message}`),
];

function caseOf(
  { store, reporter }: Context,
  a: Model,
  b: Model,
  { parameters }: VerifyReport & { readonly parameters: Case["parameters"] },
  { signal, onProgress }: DoctorOptions,
): Case {
  const [sideA, sideB] = [caseSide(a), caseSide(b)];
  const tensors = new CanonicalTensors(store, sideA, sideB, signal);
  const onTensor = progressOf(a, tensors, parameters, (progress) => {
    reporter.progress(progress);
    onProgress?.(progress);
  });
  return { a: sideA, b: sideB, plugin: a.match.plugin, parameters, settings: settingDifferences(a, b), tensors, onTensor };
}

/** Tensors that differ in their values are gone through twice: for how they differ, and for why. */
function progressOf(
  { architecture }: Model,
  tensors: CanonicalTensors,
  parameters: Case["parameters"],
  tell: (progress: Progress) => void,
): Case["onTensor"] {
  const bytes = new Map(
    architecture.components.map(({ name, shape }) => [name, numElements(shape) * itemSize(tensors.dtypesOf(name).a ?? "U8")]),
  );
  const bytesOf = (names: readonly string[]) => names.reduce((sum, name) => sum + (bytes.get(name) ?? 0), 0);
  const { different, missing, extra, otherDtype, rounded } = parameters;
  const totalBytes = bytesOf([...different, ...different, ...missing, ...extra, ...otherDtype, ...rounded]);
  let done = 0;
  return (name) => {
    done += bytes.get(name) ?? 0;
    tell({ stage: "diagnose", bytes: Math.min(done, totalBytes), totalBytes });
  };
}

const caseSide = (model: Model): Side => ({
  ...sideOf(model),
  checkpoint: model.checkpoint,
  architecture: model.architecture,
  arrangement: model.arrangement,
  misshapen: misshapenIn(model),
  twins: model.stored.twins,
});

const misshapenIn = ({ slots, checkpoint, architecture }: Model): string[] =>
  slots
    .filter(({ key, shape }) => !sameShape(checkpoint.tensors.get(key)?.shape ?? shape, shape))
    .flatMap(({ pieces }) => pieces.map(({ component }) => architecture.components[component]?.name ?? ""));

type Told = Pick<DoctorReport, "outcome" | "explanations" | "unexplained" | "summary">;

/** Equal by the plugin's mapping, and not by what the frameworks make of it: then the mapping is what is wrong. */
const silent = (diagnosis: Diagnosis, { match: { plugin } }: Model, divergence: Divergence | null): Told => ({
  ...diagnosis,
  summary: `no known fault explains it: every tensor is where plugin ${plugin.name} says and every setting agrees, and still the forwards part${at(divergence)}; look for a mistake in the plugin there`,
});

const at = (divergence: Divergence | null): string => (divergence === null ? "" : ` at ${divergence.stage}`);

function told(diagnosis: Diagnosis, divergence: Divergence | null): Told {
  return {
    ...diagnosis,
    summary: `${sentence(diagnosis)}${divergence === null ? "" : `; the forwards first part at ${divergence.stage}`}`,
  };
}

function sentence({ outcome, explanations }: Diagnosis): string {
  const statements = explanations.map(({ statement }) => statement).join("; ");
  const groups = alternatives(explanations);
  const names = groups.map((faults) => faults.join(" or "));
  if (outcome === "explained") return `${names.join(" and ")}: ${statements}`;
  if (outcome === "ambiguous") return `consistent with ${groups.flat().join(" or ")}, which the weights do not tell apart`;
  if (outcome === "combined") return `no single known fault explains it; ${names.join(" and ")} together account for every difference`;
  if (names.length === 0) return "no known fault explains it";
  return `no single known fault explains it; ${names.join(" and ")} ${names.length === 1 ? "accounts" : "account"} for a part`;
}

/** Names of faults; those that account for the same differences stand for each other. */
function alternatives(explanations: readonly Explanation[]): string[][] {
  const differences = new Map<string, string[]>();
  for (const { fault, name, tensors, settings } of explanations) {
    const label = `${fault} (${name})`;
    differences.set(label, [...(differences.get(label) ?? []), ...tensors, ...settings]);
  }
  const groups = new Map<string, string[]>();
  for (const [label, names] of differences) {
    const key = [...new Set(names)].sort().join("\n");
    groups.set(key, [...(groups.get(key) ?? []), label]);
  }
  return [...groups.values()];
}
