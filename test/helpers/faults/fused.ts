// Fused projections: the right rows in the wrong places of qkv and gate_up.
// Into Hugging Face's separate tensors the same mistakes come by cutting a fused tensor where it should not be cut.

import type { Facts } from "./checkpoint-files.js";
import { attention, type Fault, type FaultCase, fault, feedForward, formerTp, inOneLayer, isNanotron, layerOf } from "./fault.js";
import { editFused, heights, readFused, writeFused } from "./model-parts.js";
import { cut, equalParts, type Rows } from "./rows.js";

const [Q, K, V] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"] as const;
const [GATE, UP] = ["mlp.gate_proj", "mlp.up_proj"] as const;
const heightsOf = (chunks: readonly Rows[]): number[] => chunks.map((rows) => rows.length);

/** Chunks put together in another order, and cut as if they were in the right one. */
const fusedAs = (title: string, order: readonly number[], changes: FaultCase["changes"]): Fault =>
  fault({
    id: "F04",
    title,
    changes,
    ...attention,
    edit: (files) =>
      editFused(files, layerOf(files.facts), "qkv", (chunks) =>
        cut(
          order.flatMap((at) => chunks[at] ?? []),
          heightsOf(chunks),
        ),
      ),
  });

/** [q heads of group 0; k 0; v 0; q heads of group 1; …] */
function perGroup(chunks: readonly Rows[], groups: number): Rows {
  const ofGroup = (rows: Rows, group: number) => rows.slice((group * rows.length) / groups, ((group + 1) * rows.length) / groups);
  return Array.from({ length: groups }, (_, group) => chunks.flatMap((rows) => ofGroup(rows, group))).flat();
}

const SIZES = { qkv: ["heads", "kvHeads"], gateUp: ["ffn"] } as const;

/** The ranks that the fused tensor was wrongly cut for, or joined from. */
const wrongTp = (facts: Facts, role: keyof typeof SIZES): number =>
  isNanotron(facts) ? facts.tp : formerTp(...SIZES[role].map((size) => facts[size]));

/** Between [q; k; v] as it is and one chunk after the other of each rank in turn. */
function cutAsBlock(role: "qkv" | "gateUp"): Parameters<typeof fault>[0]["edit"] {
  return (files) => {
    const ranks = readFused(files, layerOf(files.facts), role);
    const rankHeights = heights(files, role);
    if (isNanotron(files.facts)) {
      const whole = rankHeights.flatMap((_, chunk) => ranks.flatMap((chunks) => chunks[chunk] ?? []));
      const perRank = rankHeights.reduce((sum, rows) => sum + rows, 0);
      const wrong = cut(
        whole,
        ranks.map(() => perRank),
      );
      writeFused(
        files,
        layerOf(files.facts),
        role,
        wrong.map((rows) => cut(rows, rankHeights)),
      );
    } else {
      const tp = wrongTp(files.facts, role);
      const split = (ranks[0] ?? []).map((rows) => equalParts(rows, tp));
      const joined = Array.from({ length: tp }, (_, rank) => split.flatMap((parts) => parts[rank] ?? [])).flat();
      writeFused(files, layerOf(files.facts), role, [cut(joined, rankHeights)]);
    }
  };
}

export const fusedFaults: readonly Fault[] = [
  fusedAs("k, q, v fused", [1, 0, 2], inOneLayer(Q, K)),
  fusedAs("q, v, k fused", [0, 2, 1], inOneLayer(K, V)),
  fusedAs("v, k, q fused", [2, 1, 0], (facts) => inOneLayer(...(facts.heads === facts.kvHeads ? [Q, V] : [Q, K, V]))(facts)),
  fault({
    id: "F05",
    title: "qkv laid out per key/value group",
    where: ({ kvHeads, tp }) => kvHeads / tp > 1,
    elsewhere: "one key/value head to a rank: the identity",
    changes: inOneLayer(Q, K, V),
    ...attention,
    edit: (files) => {
      const { kvHeads, tp } = files.facts;
      editFused(files, layerOf(files.facts), "qkv", (chunks) => cut(perGroup(chunks, kvHeads / tp), heightsOf(chunks)));
    },
  }),
  fault({
    id: "F06",
    title: "gate and up swapped",
    changes: inOneLayer(GATE, UP),
    ...feedForward,
    edit: (files) => editFused(files, layerOf(files.facts), "gateUp", ([gate = [], up = []]) => [up, gate]),
  }),
  fault({
    id: "F10",
    title: "qkv cut as one block",
    where: (facts) => wrongTp(facts, "qkv") > 1,
    elsewhere: "one rank: the identity",
    changes: inOneLayer(Q, K, V),
    ...attention,
    edit: cutAsBlock("qkv"),
  }),
  fault({
    id: "F10",
    title: "gate_up cut as one block",
    where: (facts) => wrongTp(facts, "gateUp") > 1,
    elsewhere: "one rank: the identity",
    changes: inOneLayer(GATE, UP),
    ...feedForward,
    edit: cutAsBlock("gateUp"),
  }),
];
