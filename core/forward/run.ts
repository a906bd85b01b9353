// Runs forwards to their logits: one alone, or several in lockstep with their hidden states side by side.

import { CancelledError } from "../errors.js";
import type { Tensor } from "../executor/executor.js";
import type { Stage } from "./forward.js";

type Running = AsyncGenerator<Stage, Tensor, void>;

/** @returns the logits, the caller's to release */
export async function runToLogits(forward: Running, onStage: (name: string) => void, signal?: AbortSignal): Promise<Tensor> {
  try {
    for (;;) {
      if (signal?.aborted === true) throw new CancelledError("cancelled while predicting");
      const step = await forward.next();
      if (step.done === true) return step.value;
      onStage(step.value.name);
    }
  } finally {
    await forward.return(undefined as never);
  }
}

/** A point that all forwards have reached; `logits` is the last. */
export interface Meeting {
  readonly name: string;
  /** One per forward, in order; those of `logits` are the consumer's to release. */
  readonly tensors: readonly Tensor[];
}

/**
 * Advance forwards together, stage by stage, and stop after the logits. Forwards that disagree on what comes next end the
 * meeting early: then no `logits` are met.
 */
export async function* lockstep(forwards: readonly Running[], signal?: AbortSignal): AsyncGenerator<Meeting, void, void> {
  try {
    for (;;) {
      if (signal?.aborted === true) throw new CancelledError("cancelled while comparing predictions");
      const steps: IteratorResult<Stage, Tensor>[] = [];
      for (const forward of forwards) steps.push(await forward.next());
      const names = steps.map((step) => (step.done === true ? "logits" : step.value.name));
      const [name = "logits"] = names;
      if (names.some((other) => other !== name)) return;
      yield { name, tensors: steps.map((step) => (step.done === true ? step.value : step.value.hidden)) };
      if (name === "logits") return;
    }
  } finally {
    for (const forward of forwards) await forward.return(undefined as never);
  }
}
