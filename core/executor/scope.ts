// Gives the tensors of a stretch of ops back as soon as its result is there, so that a forward needs no bookkeeping.

import type { Executor, Ops, Tensor } from "./executor.js";

/**
 * Run `body` with ops whose tensors are released at its end, save the one it returns. On failure all are released.
 *
 * @param consumed - tensors from outside that are not needed after `body` either
 */
export async function scoped(executor: Executor, body: (ops: Ops) => Promise<Tensor>, ...consumed: readonly Tensor[]): Promise<Tensor> {
  const made = new Set<Tensor>(consumed);
  const track = async (pending: Promise<Tensor>): Promise<Tensor> => {
    const tensor = await pending;
    made.add(tensor);
    return tensor;
  };
  const ops: Ops = {
    embed: (...args) => track(executor.embed(...args)),
    rmsNorm: (...args) => track(executor.rmsNorm(...args)),
    layerNorm: (...args) => track(executor.layerNorm(...args)),
    linear: (...args) => track(executor.linear(...args)),
    columns: (...args) => track(executor.columns(...args)),
    joinColumns: (...args) => track(executor.joinColumns(...args)),
    rotate: (...args) => track(executor.rotate(...args)),
    attention: (...args) => track(executor.attention(...args)),
    siluMul: (...args) => track(executor.siluMul(...args)),
    geluTanh: (...args) => track(executor.geluTanh(...args)),
    add: (...args) => track(executor.add(...args)),
    linearTransposed: (...args) => track(executor.linearTransposed(...args)),
    takeRows: (...args) => track(executor.takeRows(...args)),
    joinRows: (...args) => track(executor.joinRows(...args)),
    scaleRows: (...args) => track(executor.scaleRows(...args)),
  };
  try {
    const result = await body(ops);
    made.delete(result);
    return result;
  } finally {
    executor.release(...made);
  }
}
