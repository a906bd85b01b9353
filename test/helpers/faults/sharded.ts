// Sharding: a tensor's parts in the wrong order, cut along the wrong axis, and the square weight that shows no transposition.
// Into Hugging Face's whole tensors the same mistakes come from joining the parts of two ranks.

import type { CheckpointFiles, Facts, StoredBytes } from "./checkpoint-files.js";
import { type Fault, fault, inEveryLayer, inLayer, isNanotron, LAYER } from "./fault.js";
import { inside, readWhole, top, writeWhole } from "./model-parts.js";
import { besides, columnParts, cut, halves, type Rows, readRows, transposed, writeRows } from "./rows.js";

const FORMER_TP = 2;
const SHARDED = [
  ...["q", "k", "v", "o"].map((name) => `self_attn.${name}_proj`),
  ...["gate", "up", "down"].map((name) => `mlp.${name}_proj`),
];
const O = inLayer("self_attn.o_proj");
const attention = { stage: () => `layer ${LAYER} attention` } as const;
const isSplit = (facts: Facts): boolean =>
  isNanotron(facts) ? facts.tp > 1 : facts.kvHeads % FORMER_TP === 0 && facts.ffn % FORMER_TP === 0 && facts.vocab % FORMER_TP === 0;
const isSquare = ({ heads, headDim, hidden }: Facts): boolean => heads * headDim === hidden;

/** The ranks' parts of one tensor, last rank first. */
function reverseRanks({ facts }: CheckpointFiles, parts: readonly StoredBytes[], axis: 0 | 1): void {
  if (isNanotron(facts)) {
    const bytes = parts.map((part) => part.read()).reverse();
    parts.forEach((part, rank) => part.write(bytes[rank] ?? Buffer.alloc(0)));
    return;
  }
  const reversed = (rows: Rows) => (axis === 0 ? halves(rows).reverse().flat() : besides(columnParts(rows, FORMER_TP).reverse()));
  for (const part of parts) writeRows(part, reversed(readRows(part)));
}

export const shardedFaults: readonly Fault[] = [
  fault({
    id: "F11",
    title: "ranks of every tensor in the wrong order",
    where: isSplit,
    elsewhere: "one rank: the identity",
    changes: (facts) => ["model.embed_tokens.weight", ...inEveryLayer(...SHARDED)(facts), ...(facts.tied ? [] : ["lm_head.weight"])],
    stage: () => "embedding",
    edit: (files) => {
      for (const role of files.facts.tied ? (["embedding"] as const) : (["embedding", "lmHead"] as const))
        reverseRanks(files, top(files, role), 0);
      for (let layer = 0; layer < files.facts.layers; layer++) {
        for (const role of ["qkv", "gateUp"] as const) reverseRanks(files, inside(files, layer, role), 0);
        for (const role of ["o", "down"] as const) reverseRanks(files, inside(files, layer, role), 1);
      }
    },
  }),
  fault({
    id: "F11",
    title: "ranks of one o_proj in the wrong order",
    where: isSplit,
    elsewhere: "one rank: the identity",
    changes: () => [O],
    ...attention,
    edit: (files) => reverseRanks(files, inside(files, LAYER, "o"), 1),
  }),
  fault({
    id: "F11",
    title: "ranks of lm_head in the wrong order",
    where: (facts) => isSplit(facts) && !facts.tied,
    elsewhere: "one rank: the identity; tied: no such tensor",
    changes: () => ["lm_head.weight"],
    stage: () => "logits",
    edit: (files) => reverseRanks(files, top(files, "lmHead"), 0),
  }),
  fault({
    id: "F12",
    title: "o_proj cut along its rows",
    where: (facts) => isSquare(facts) && isSplit(facts),
    elsewhere: "one rank: the identity; not square: another shape",
    changes: () => [O],
    ...attention,
    edit: (files) => {
      const parts = inside(files, LAYER, "o");
      const whole = readWhole(files, LAYER, "o");
      if (isNanotron(files.facts)) {
        const slabs = cut(
          whole,
          parts.map(() => whole.length / parts.length),
        );
        parts.forEach((part, rank) => writeRows(part, slabs[rank] ?? []));
      } else for (const part of parts) writeRows(part, columnParts(whole, FORMER_TP).flat());
    },
  }),
  fault({
    id: "F13",
    title: "o_proj transposed",
    where: isSquare,
    elsewhere: "not square: another shape",
    changes: () => [O],
    ...attention,
    edit: (files) => {
      const [part] = inside(files, LAYER, "o");
      const rows = readWhole(files, LAYER, "o");
      writeWhole(files, LAYER, "o", transposed(rows, part?.dtype === "F32" ? 4 : 2));
    },
  }),
];
