// Rotary embedding: rows of q and k in another order than the forward takes them in, and another theta.

import { editJson } from "../folders.js";
import { attention, type Fault, fault, inEveryLayer, inOneLayer, isNanotron, layerOf } from "./fault.js";
import { editFused } from "./model-parts.js";
import { interleave, type Rows, separate } from "./rows.js";

const [Q, K] = ["self_attn.q_proj", "self_attn.k_proj"] as const;
/** Heads of two rows have one pair, whose two orders are the same. */
const hasOrder = ({ headDim }: { headDim: number }): boolean => headDim > 2;
/** What was to be permuted was not, or the reverse. */
const otherOrder = (interleaved: boolean) => (interleaved ? separate : interleave);

export const rotaryFaults: readonly Fault[] = [
  fault({
    id: "F01",
    title: "q and k rows in the other RoPE order, in every layer",
    where: hasOrder,
    elsewhere: "heads of two rows: the identity",
    changes: inEveryLayer(Q, K),
    stage: () => "layer 0 attention",
    edit: (files) => {
      const { layers, headDim, interleaved } = files.facts;
      const reorder = (rows: Rows = []) => otherOrder(interleaved)(rows, headDim);
      for (let layer = 0; layer < layers; layer++) editFused(files, layer, "qkv", ([q, k, v = []]) => [reorder(q), reorder(k), v]);
    },
  }),
  fault({
    id: "F01",
    title: "k rows in the other RoPE order, in one layer",
    where: hasOrder,
    elsewhere: "heads of two rows: the identity",
    changes: inOneLayer(K),
    ...attention,
    edit: (files) => {
      const { headDim, interleaved } = files.facts;
      editFused(files, layerOf(files.facts), "qkv", ([q = [], k = [], v = []]) => [q, otherOrder(interleaved)(k, headDim), v]);
    },
  }),
  fault({
    id: "F01",
    title: "rope_interleaved says the other order",
    where: (facts) => isNanotron(facts) && hasOrder(facts),
    elsewhere: "Hugging Face: no such setting",
    changes: inEveryLayer(Q, K),
    stage: () => "layer 0 attention",
    edit: ({ folder, configName, facts }) => editJson(folder, configName, { rope_interleaved: !facts.interleaved }),
  }),
  fault({
    id: "F02",
    title: "rope_theta left at its default",
    changes: () => [],
    settings: ["rope_theta"],
    stage: () => "layer 0 attention",
    edit: ({ folder, configName, facts }) =>
      // transformers 5 takes 10000 for a config that says nothing, in any of its places.
      editJson(
        folder,
        configName,
        isNanotron(facts) ? { rope_theta: 10000 } : { rope_theta: undefined, rope_scaling: null, rope_parameters: undefined },
      ),
  }),
  fault({
    id: "F15",
    title: "k permuted with the head count of q",
    // Where k's rows do not divide into as many heads of pairs, the mistake cannot be made in silence.
    where: ({ heads, kvHeads, headDim }) => kvHeads < heads && (headDim * kvHeads) % (2 * heads) === 0,
    elsewhere: "as many key/value heads as heads: the identity; rows that do not divide: an error",
    changes: inOneLayer(K),
    ...attention,
    edit: (files) => {
      const { heads, kvHeads, headDim, interleaved } = files.facts;
      const wrongDim = (headDim * kvHeads) / heads;
      const wrong = (k: Rows) => (interleaved ? interleave(separate(k, headDim), wrongDim) : separate(interleave(k, headDim), wrongDim));
      editFused(files, layerOf(files.facts), "qkv", ([q = [], k = [], v = []]) => [q, wrong(k), v]);
    },
  }),
];
