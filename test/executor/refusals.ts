// What every executor must refuse when it is asked, in one line each.

import { it } from "mocha";
import type { Executor, Tensor, Weight } from "../../core/executor/executor.js";
import { matrixOf } from "../helpers/drawn.js";
import type { Bench } from "./conformance.js";
import { expectRefusal } from "./conformance.js";

interface Refusal {
  readonly title: string;
  readonly message: RegExp;
  /** @param x - [2, 6] @param weight - [3, 6] BF16 */
  readonly ask: (executor: Executor, x: Tensor, weight: Weight) => Promise<unknown>;
}

const none = { round: "none" } as const;
const rope = { tableFactor: 1, interleaved: false, roundTable: "none", roundProducts: "none", round: "none" } as const;
const heads = { heads: 2, kvHeads: 1, headDim: 3, scale: 1, kind: "fused", round: "none" } as const;
const norm = { epsilon: 1e-5, roundNormalized: "none", round: "none" } as const;

const REFUSALS: readonly Refusal[] = [
  {
    title: "a weight of other columns",
    message: /linear: .*\.bin: expected shape \[any, 6\], found \[6, 3\]/,
    ask: (executor, x, weight) => executor.linear(x, { ...weight, shape: [6, 3] }, none),
  },
  {
    title: "a bias of another length",
    message: /linear bias: .*: expected shape \[3\], found \[4\]/,
    ask: (executor, x, weight) => executor.linear(x, weight, { ...none, bias: { ...weight, shape: [4], byteLength: 8 } }),
  },
  {
    title: "a dtype that is no float",
    message: /linear: .*: expected dtype BF16, F16 or F32, found I32/,
    ask: (executor, x, weight) => executor.linear(x, { ...weight, dtype: "I32" }, none),
  },
  {
    title: "bytes that are not the shape's",
    message: /linear: .*: bytes of BF16 \[3, 6\]: expected 36, found 35/,
    ask: (executor, x, weight) => executor.linear(x, { ...weight, byteLength: 35 }, none),
  },
  {
    title: "a byte offset below 0",
    message: /linear: .*: expected a byte offset from 0 on, found -1/,
    ask: (executor, x, weight) => executor.linear(x, { ...weight, byteOffset: -1 }, none),
  },
  {
    title: "a norm of another width",
    message: /rmsNorm: .*: expected shape \[6\], found \[18\]/,
    ask: (executor, x, weight) => executor.rmsNorm(x, { ...weight, shape: [18] }, norm),
  },
  {
    title: "a layer norm's bias of another width",
    message: /layerNorm bias: .*: expected shape \[6\], found \[18\]/,
    ask: (executor, x, weight) =>
      executor.layerNorm(x, { ...weight, shape: [6], byteLength: 12 }, { ...weight, shape: [18] }, { epsilon: 1e-5, round: "none" }),
  },
  {
    title: "a window of nothing",
    message: /attention: window: expected a whole number from 1 on, found 0/,
    ask: async (executor, x) => {
      const k = await executor.columns(x, 0, 3);
      return executor.attention(x, k, k, { ...heads, window: 0 });
    },
  },
  {
    title: "no tokens",
    message: /embed: number of tokens: expected a whole number from 1 on, found 0/,
    ask: (executor, _, weight) => executor.embed(weight, new Uint32Array(0), { firstRow: 0 }),
  },
  {
    title: "a table that starts before the vocabulary",
    message: /embed: firstRow: expected 0 or more, found -1/,
    ask: (executor, _, weight) => executor.embed(weight, Uint32Array.of(0), { firstRow: -1 }),
  },
  {
    title: "columns out of range",
    message: /columns: expected a range within \[0, 6\), found \[4, 7\)/,
    ask: (executor, x) => executor.columns(x, 4, 7),
  },
  {
    title: "no columns",
    message: /columns: expected a range within \[0, 6\), found \[2, 2\)/,
    ask: (executor, x) => executor.columns(x, 2, 2),
  },
  {
    title: "nothing to join",
    message: /joinColumns: expected at least one tensor, found none/,
    ask: (executor) => executor.joinColumns([]),
  },
  {
    title: "an odd head",
    message: /rotate: headDim: expected an even number, found 3/,
    ask: (executor, x) => executor.rotate(x, { ...rope, headDim: 3, frequencies: new Float32Array(1) }),
  },
  {
    title: "a part of a head",
    message: /rotate: columns: expected whole heads of 4, found 6/,
    ask: (executor, x) => executor.rotate(x, { ...rope, headDim: 4, frequencies: new Float32Array(2) }),
  },
  {
    title: "too few frequencies",
    message: /rotate: number of frequencies: expected 3, found 2/,
    ask: (executor, x) => executor.rotate(x, { ...rope, headDim: 6, frequencies: new Float32Array(2) }),
  },
  {
    title: "key heads that do not divide the heads",
    message: /attention: kvHeads: expected a divisor of 3 heads, found 2/,
    ask: (executor, x) => executor.attention(x, x, x, { ...heads, heads: 3, kvHeads: 2, headDim: 2 }),
  },
  {
    title: "a window that hides a query's own key",
    message: /attention: window: expected a whole number from 1 on, found 0/,
    ask: (executor, x) => executor.attention(x, x, x, { ...heads, window: 0 }),
  },
  {
    title: "keys of another width",
    message: /attention: k: expected \[2, 3\], found \[2, 6\]/,
    ask: (executor, x) => executor.attention(x, x, x, heads),
  },
  {
    title: "a gate and an up of two shapes",
    message: /siluMul: shape of the second tensor: expected \[2, 6\], found \[2, 5\]/,
    ask: async (executor, x) => executor.siluMul(x, await executor.columns(x, 0, 5), { roundSilu: "none", round: "none" }),
  },
  {
    title: "a sum of two shapes",
    message: /add: shape of the second tensor: expected \[2, 6\], found \[2, 5\]/,
    ask: async (executor, x) => executor.add(x, await executor.columns(x, 0, 5), "none"),
  },
  {
    title: "a turned weight of other rows",
    message: /linearTransposed: .*\.bin: expected shape \[6, any\], found \[3, 6\]/,
    ask: (executor, x, weight) => executor.linearTransposed(x, weight, "none"),
  },
  {
    title: "a row that is not there",
    message: /takeRows: expected rows within \[0, 2\), found 2/,
    ask: (executor, x) => executor.takeRows(x, Uint32Array.of(1, 2)),
  },
  {
    title: "no rows",
    message: /takeRows: expected at least one row, found none/,
    ask: (executor, x) => executor.takeRows(x, new Uint32Array(0)),
  },
  {
    title: "rows of two widths",
    message: /joinRows: columns: expected 6, found 5/,
    ask: async (executor, x) => executor.joinRows([x, await executor.columns(x, 0, 5)]),
  },
  {
    title: "no rows to join",
    message: /joinRows: expected at least one tensor, found none/,
    ask: (executor) => executor.joinRows([]),
  },
  {
    title: "too few factors",
    message: /scaleRows: expected a factor for each row of \[2, 6\], found 1/,
    ask: (executor, x) => executor.scaleRows(x, Float32Array.of(1), "none"),
  },
  {
    title: "rows out of range",
    message: /read: expected rows within \[0, 2\), found \[1, 3\)/,
    ask: (executor, x) => executor.read(x, 1, 2),
  },
  { title: "more candidates than columns", message: /topK: k: expected 1 to 6, found 7/, ask: (executor, x) => executor.topK(x, [0], 7) },
  {
    title: "candidates of no row",
    message: /topK: row: expected one within \[0, 2\), found 2/,
    ask: (executor, x) => executor.topK(x, [0, 2], 1),
  },
  {
    title: "the difference of two shapes",
    message: /difference: shape of the second tensor/,
    ask: async (executor, x) => executor.difference(x, await executor.columns(x, 0, 5)),
  },
  {
    title: "the divergence of two shapes",
    message: /divergence: shape of the second tensor/,
    ask: async (executor, x) => executor.divergence(x, await executor.columns(x, 0, 5)),
  },
];

export function refusals({ executor, drawn }: Bench): void {
  for (const { title, message, ask } of REFUSALS) {
    it(`refuses ${title}`, async () => {
      const x = await drawn.put(executor(), matrixOf([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]));
      await expectRefusal(ask(executor(), x, drawn.weight(drawn.matrix(3, 6, "BF16"), "BF16")), "EXECUTOR", message);
    });
  }

  it("refuses to join tensors of two lengths", async () => {
    const [two, one] = [await drawn.put(executor(), matrixOf([1], [2])), await drawn.put(executor(), matrixOf([1]))];
    await expectRefusal(executor().joinColumns([two, one]), "EXECUTOR", /joinColumns: rows: expected 2, found 1/);
  });
}
