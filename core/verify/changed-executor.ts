// An executor that computes some ops otherwise, over another's tensors: the same forward then is another right one, or a faulty one.

import type { Executor, Ops, Rounding, Tensor } from "../executor/executor.js";

/** Other bodies of ops; each is given the executor's own. */
export type Changes = (own: Executor) => Partial<Ops>;

export function changedExecutor(own: Executor, changes: Changes): Executor {
  const changed = changes(own);
  return new Proxy(own, {
    get: (target, key: keyof Executor) => {
      const member = key in changed ? changed[key as keyof Ops] : target[key];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** x · factor. There is no op for it, but a rotation by no angle takes one. @param x - [T, H] of an even H */
export const scaled = (ops: Ops, x: Tensor, tableFactor: number, round: Rounding): Promise<Tensor> =>
  ops.rotate(x, {
    headDim: 2,
    frequencies: new Float32Array(1),
    tableFactor,
    interleaved: false,
    roundTable: "none",
    roundProducts: "none",
    round,
  });
