// The order of a decoder's stages, which every framework has alike; what each stage computes is the framework's own.

import type { Executor, Ops, Tensor } from "../executor/executor.js";
import { scoped } from "../executor/scope.js";
import type { Stage } from "./forward.js";

/** What each stage makes of the residual stream [T, H]. */
export interface Decoder {
  readonly layers: number;
  readonly embed: (ops: Ops) => Promise<Tensor>;
  /** The stream with the layer's attention added to it. */
  readonly attention: (ops: Ops, layer: number, hidden: Tensor) => Promise<Tensor>;
  /** The stream with the layer's feed-forward added to it. */
  readonly feedForward: (ops: Ops, layer: number, hidden: Tensor) => Promise<Tensor>;
  readonly finalNorm: (ops: Ops, hidden: Tensor) => Promise<Tensor>;
  /** @returns [T, V] */
  readonly logits: (ops: Ops, hidden: Tensor) => Promise<Tensor>;
}

/** @returns as a Forward does */
export async function* runDecoder(executor: Executor, decoder: Decoder): AsyncGenerator<Stage, Tensor, void> {
  let hidden = await scoped(executor, decoder.embed);
  try {
    yield { name: "embedding", hidden };
    for (let layer = 0; layer < decoder.layers; layer++) {
      hidden = await scoped(executor, (ops) => decoder.attention(ops, layer, hidden), hidden);
      yield { name: `layer ${layer} attention`, hidden };
      hidden = await scoped(executor, (ops) => decoder.feedForward(ops, layer, hidden), hidden);
      yield { name: `layer ${layer} feed-forward`, hidden };
    }
    hidden = await scoped(executor, (ops) => decoder.finalNorm(ops, hidden), hidden);
    yield { name: "final norm", hidden };
    return await scoped(executor, (ops) => decoder.logits(ops, hidden));
  } finally {
    executor.release(hidden);
  }
}
