// What is tried of each fault: in which models and targets it is made, and which checks must see it there. Nothing is run here.

import type { CatalogueFault } from "../../helpers/faults/catalogue.js";
import { factsOf, type Target } from "../../helpers/faults/targets.js";
import type { Subject } from "./models.js";

/** `exact` and `framework`: predictions alone, on the CPU executor, in those numerics; `webgpu`: predictions alone, exact. */
export const CHECKS = ["parameters", "exact", "framework", "webgpu"] as const;
export type Check = (typeof CHECKS)[number];

/** Where the WebGPU executor is tried: a software GPU takes a second for what a CPU does in a tenth. */
export type GpuShare = "none" | "some" | "all";

/** An epsilon of 1e-5 more or less moves bfloat16's logits by no more than two right sides differ by. */
export const isBelowBfloat16 = ({ title }: CatalogueFault): boolean => title.startsWith("rms_norm_eps");

export const isMade = ({ appliesTo }: CatalogueFault, { model }: Subject, target: Target): boolean =>
  appliesTo(factsOf(model, target), model.dtype);

/** @param share - in how many places the WebGPU executor is tried */
export function checksOf(
  fault: CatalogueFault,
  subject: Subject,
  target: Target,
  subjects: readonly Subject[],
  share: GpuShare,
): readonly Check[] {
  if (!isMade(fault, subject, target)) return [];
  if (fault.unseen !== undefined) return ["parameters"];
  const isRounded = subject.model.dtype === "BF16" && !isBelowBfloat16(fault);
  const isOnGpu = share === "all" || (share === "some" && isSample(fault, subject, target, subjects));
  return ["parameters", "exact", ...(isRounded ? (["framework"] as const) : []), ...(isOnGpu ? (["webgpu"] as const) : [])];
}

/** Hugging Face and one sharded, interleaved topology of the first model; where it cannot have the form, the last target of others. */
function isSample(fault: CatalogueFault, subject: Subject, target: Target, subjects: readonly Subject[]): boolean {
  const [first] = subjects;
  if (subject === first) return target === first.targets[0] || target === first.targets[2];
  return first?.targets.every((other) => !isMade(fault, first, other)) === true && target === subject.targets.at(-1);
}
