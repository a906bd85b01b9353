// Sharding: a tensor's parts in the wrong order, cut along the wrong axis, and the square weight that shows no transposition.
// Into Hugging Face's whole tensors the same mistakes come from joining ranks' parts.

import type { CheckpointFiles, Facts, StoredBytes } from "./checkpoint-files.js";
import { attention, type Fault, fault, formerTp, inEveryLayer, inOneLayer, isNanotron, layerOf } from "./fault.js";
import { inside, readWhole, top, writeWhole } from "./model-parts.js";
import { besides, columnParts, cut, equalParts, type Rows, readRows, transposed, writeRows } from "./rows.js";

const SHARDED = [
  ...["q", "k", "v", "o"].map((name) => `self_attn.${name}_proj`),
  ...["gate", "up", "down"].map((name) => `mlp.${name}_proj`),
];
const O = "self_attn.o_proj";
/** The ranks whose parts go wrong: those that there are, or that all tensors of a Hugging Face checkpoint may be from. */
const wrongTp = (facts: Facts): number => (isNanotron(facts) ? facts.tp : formerTp(facts.heads, facts.kvHeads, facts.ffn, facts.vocab));
const isSplit = (facts: Facts): boolean => wrongTp(facts) > 1;
const isSquare = ({ heads, headDim, hidden }: Facts): boolean => heads * headDim === hidden;

/** The ranks' parts of one tensor, last rank first. */
function reverseRanks({ facts }: CheckpointFiles, parts: readonly StoredBytes[], axis: 0 | 1): void {
  const tp = wrongTp(facts);
  if (isNanotron(facts)) {
    const bytes = parts.map((part) => part.read()).reverse();
    parts.forEach((part, rank) => part.write(bytes[rank] ?? Buffer.alloc(0)));
    return;
  }
  const reversed = (rows: Rows) => (axis === 0 ? equalParts(rows, tp).reverse().flat() : besides(columnParts(rows, tp).reverse()));
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
    changes: inOneLayer(O),
    ...attention,
    edit: (files) => reverseRanks(files, inside(files, layerOf(files.facts), "o"), 1),
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
    changes: inOneLayer(O),
    ...attention,
    edit: (files) => {
      const parts = inside(files, layerOf(files.facts), "o");
      const whole = readWhole(files, layerOf(files.facts), "o");
      if (isNanotron(files.facts)) {
        const slabs = cut(
          whole,
          parts.map(() => whole.length / parts.length),
        );
        parts.forEach((part, rank) => writeRows(part, slabs[rank] ?? []));
      } else for (const part of parts) writeRows(part, columnParts(whole, wrongTp(files.facts)).flat());
    },
  }),
  fault({
    id: "F13",
    title: "o_proj transposed",
    where: isSquare,
    elsewhere: "not square: another shape",
    changes: inOneLayer(O),
    ...attention,
    edit: (files) => {
      const [part] = inside(files, layerOf(files.facts), "o");
      const rows = readWhole(files, layerOf(files.facts), "o");
      writeWhole(files, layerOf(files.facts), "o", transposed(rows, part?.dtype === "F32" ? 4 : 2));
    },
  }),
];
