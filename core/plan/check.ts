// The proof of a plan: that it covers, and that it corresponds.

import type { Architecture } from "../architecture/architecture.js";
import { proveCorrespondence } from "./correspondence.js";
import { proveCoverage } from "./coverage.js";
import type { Plan } from "./plan.js";
import type { ReferenceMap } from "./transforms.js";

/**
 * Prove on strides that a plan writes every target byte exactly once, reads every source byte exactly once (save the
 * tensors it names as unused), and carries each element to its own place.
 *
 * @throws {PlanError} with the fault as its code, and the tensor or element in its message
 */
export function prove(plan: Plan, architecture: Architecture, source: ReferenceMap, target: ReferenceMap): void {
  proveCorrespondence(plan, architecture, source, target);
  proveCoverage(plan);
}
