// The table: ops × shapes × dtypes × roundings. Each case runs an op on any executor and knows what the reference gives.

import type { AttentionOptions, Executor, RotateOptions, Rounding, Tensor } from "../../core/executor/executor.js";
import type { Drawn } from "../helpers/drawn.js";
import { type FloatDType, nearest } from "../helpers/floats.js";
import * as reference from "../helpers/reference-ops.js";
import { rowCases } from "./row-cases.js";

/** Cases of one group are one test: an op with its roundings. */
export interface Case {
  readonly group: string;
  readonly title: string;
  /** The last rounding: how the result is compared. */
  readonly round: Rounding;
  readonly run: (executor: Executor) => Promise<Tensor>;
  readonly expected: () => reference.Reference;
}

const DTYPES: readonly FloatDType[] = ["BF16", "F16", "F32"];
const ROUNDINGS: readonly Rounding[] = ["none", "bf16"];

/** What flows between ops with this rounding; on bfloat16 values sums meet ties, which must go to even. */
const flowing = (round: Rounding): FloatDType => (round === "bf16" ? "BF16" : "F32");

export function allCases(drawn: Drawn): Case[] {
  const groups = [
    embedCases,
    rmsNormCases,
    layerNormCases,
    linearCases,
    columnCases,
    rotateCases,
    attentionCases,
    siluMulCases,
    geluCases,
    addCases,
    rowCases,
  ];
  return groups.flatMap((cases) => cases(drawn));
}

function embedCases(drawn: Drawn): Case[] {
  const shapes = [
    { rows: 10, width: 7, tokens: [0, 9, 3, 3, 5], firstRow: 0 },
    { rows: 1, width: 1, tokens: [0], firstRow: 0 },
    { rows: 8, width: 33, tokens: [15, 7, 8, 16, 0, 4_000_000_000, 11], firstRow: 8 },
    { rows: 20, width: 64, tokens: Array.from({ length: 130 }, (_, i) => (i * 7) % 45), firstRow: 13 },
  ];
  return DTYPES.flatMap((dtype) =>
    shapes.map(({ rows, width, tokens, firstRow }): Case => {
      const table = drawn.matrix(rows, width, dtype, 0.01);
      return {
        group: "embed",
        title: `${dtype} [${rows}, ${width}] from row ${firstRow}, ${tokens.length} tokens`,
        round: "none",
        run: (executor) => executor.embed(drawn.weight(table, dtype), Uint32Array.from(tokens), { firstRow }),
        expected: () => reference.embed(table, tokens, firstRow),
      };
    }),
  );
}

function rmsNormCases(drawn: Drawn): Case[] {
  const roundings: readonly [Rounding, Rounding][] = [
    ["none", "none"],
    ["bf16", "bf16"],
    ["none", "bf16"],
  ];
  // Small inputs, so that epsilon counts.
  const shapes = [
    { rows: 1, width: 1, deviation: 1, epsilon: 1e-5 },
    { rows: 1, width: 64, deviation: 0.003, epsilon: 1e-5 },
    { rows: 7, width: 33, deviation: 30, epsilon: 0.5 },
    { rows: 130, width: 128, deviation: 0.01, epsilon: 1e-4 },
  ];
  return roundings.flatMap(([roundNormalized, round]) =>
    DTYPES.flatMap((dtype) =>
      shapes.map(({ rows, width, deviation, epsilon }): Case => {
        const x = drawn.matrix(rows, width, flowing(round), deviation);
        const weight = drawn.matrix(1, width, dtype);
        const options = { epsilon, roundNormalized, round };
        return {
          group: `rmsNorm, roundNormalized ${roundNormalized}, round ${round}`,
          title: `${dtype} [${rows}, ${width}] epsilon ${epsilon}`,
          round,
          run: async (executor) => executor.rmsNorm(await drawn.put(executor, x), drawn.vector(weight, dtype), options),
          expected: () => reference.rmsNorm(x, weight, options),
        };
      }),
    ),
  );
}

function layerNormCases(drawn: Drawn): Case[] {
  // Small inputs, so that epsilon counts; and rows far from zero, whose mean has to be taken off before they are squared.
  const shapes = [
    { rows: 1, width: 1, deviation: 1, shift: 0, epsilon: 1e-5 },
    { rows: 1, width: 64, deviation: 0.003, shift: 0, epsilon: 1e-5 },
    { rows: 7, width: 33, deviation: 30, shift: 100, epsilon: 0.5 },
    { rows: 130, width: 300, deviation: 1, shift: 1, epsilon: 1e-4 },
  ];
  return ROUNDINGS.flatMap((round) =>
    DTYPES.flatMap((dtype) =>
      shapes.map(({ rows, width, deviation, shift, epsilon }): Case => {
        const centred = drawn.matrix(rows, width, flowing(round), deviation);
        const x = { ...centred, values: centred.values.map((value) => nearest(value + shift, flowing(round))) };
        const [weight, bias] = [drawn.matrix(1, width, dtype), drawn.matrix(1, width, dtype)];
        const options = { epsilon, round };
        return {
          group: `layerNorm, round ${round}`,
          title: `${dtype} [${rows}, ${width}] around ${shift}, epsilon ${epsilon}`,
          round,
          run: async (executor) =>
            executor.layerNorm(await drawn.put(executor, x), drawn.vector(weight, dtype), drawn.vector(bias, dtype), options),
          expected: () => reference.layerNorm(x, weight, bias, options),
        };
      }),
    ),
  );
}

function linearCases(drawn: Drawn): Case[] {
  const shapes: readonly [rows: number, width: number, outWidth: number][] = [
    [1, 1, 1],
    [7, 5, 3],
    [1, 130, 7],
    [2, 64, 128],
    [7, 64, 1],
    [130, 1, 9],
    [130, 33, 66],
  ];
  // More than one block of rows, once.
  const large: [number, number, number] = [3, 2048, 1030];
  return ROUNDINGS.flatMap((round) =>
    DTYPES.flatMap((dtype) =>
      [...shapes, ...(dtype === "BF16" && round === "none" ? [large] : [])].map(([rows, width, outWidth], index): Case => {
        const x = drawn.matrix(rows, width, flowing(round));
        const weight = drawn.matrix(outWidth, width, dtype, 0.05);
        const bias = index % 2 === 0 ? undefined : drawn.matrix(1, outWidth, dtype);
        return {
          group: `linear, round ${round}`,
          title: `${dtype} [${rows}, ${width}] by [${outWidth}, ${width}]${bias === undefined ? "" : " with bias"}`,
          round,
          run: async (executor) => {
            const options = { round, ...(bias === undefined ? {} : { bias: drawn.vector(bias, dtype) }) };
            return executor.linear(await drawn.put(executor, x), drawn.weight(weight, dtype), options);
          },
          expected: () => reference.linear(x, weight, bias, round),
        };
      }),
    ),
  );
}

function columnCases(drawn: Drawn): Case[] {
  const ranges: readonly [rows: number, width: number, start: number, stop: number][] = [
    [1, 1, 0, 1],
    [7, 9, 0, 9],
    [7, 9, 8, 9],
    [130, 33, 5, 18],
  ];
  const widths: readonly (readonly number[])[] = [[1], [3, 1], [64, 7, 2]];
  const cut = ranges.map(([rows, width, start, stop]): Case => {
    const x = drawn.matrix(rows, width);
    return {
      group: "columns",
      title: `[${start}, ${stop}) of [${rows}, ${width}]`,
      round: "none",
      run: async (executor) => executor.columns(await drawn.put(executor, x), start, stop),
      expected: () => reference.columns(x, start, stop),
    };
  });
  const joined = widths.map((parts, index): Case => {
    const tensors = parts.map((width) => drawn.matrix([1, 7, 130][index] ?? 1, width));
    return {
      group: "joinColumns",
      title: `widths ${parts.join(", ")}`,
      round: "none",
      run: async (executor) => executor.joinColumns(await Promise.all(tensors.map((tensor) => drawn.put(executor, tensor)))),
      expected: () => reference.joinColumns(tensors),
    };
  });
  return [...cut, ...joined];
}

function rotateCases(drawn: Drawn): Case[] {
  const roundings: readonly Pick<RotateOptions, "roundTable" | "roundProducts" | "round">[] = [
    { roundTable: "none", roundProducts: "none", round: "none" },
    { roundTable: "bf16", roundProducts: "bf16", round: "bf16" },
    { roundTable: "bf16", roundProducts: "none", round: "bf16" },
  ];
  const shapes: readonly [rows: number, heads: number, headDim: number][] = [
    [1, 1, 2],
    [7, 3, 2],
    [7, 1, 16],
    [130, 2, 64],
    [33, 1, 128],
  ];
  return roundings.flatMap((rounding) =>
    [false, true].flatMap((interleaved) =>
      shapes.map(([rows, heads, headDim], index): Case => {
        const x = drawn.matrix(rows, heads * headDim, flowing(rounding.round));
        const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 10000 ** ((-2 * i) / headDim));
        const options = { headDim, frequencies, tableFactor: index % 2 === 0 ? 1 : 1.25, interleaved, ...rounding };
        return {
          group: `rotate, roundTable ${rounding.roundTable}, roundProducts ${rounding.roundProducts}, round ${rounding.round}`,
          title: `[${rows}, ${heads} × ${headDim}] ${interleaved ? "interleaved" : "half-split"}, factor ${options.tableFactor}`,
          round: rounding.round,
          run: async (executor) => executor.rotate(await drawn.put(executor, x), options),
          expected: () => reference.rotate(x, options),
        };
      }),
    ),
  );
}

function attentionCases(drawn: Drawn): Case[] {
  const shapes: readonly [rows: number, heads: number, kvHeads: number, headDim: number, window?: number][] = [
    [1, 2, 2, 16],
    [7, 4, 1, 2],
    [7, 8, 1, 64],
    [7, 16, 2, 16],
    [130, 2, 2, 128],
    [130, 4, 1, 64],
    [130, 6, 3, 16],
    [7, 4, 2, 16, 1],
    [130, 4, 2, 16, 7],
    [130, 2, 1, 16, 75],
    [130, 2, 1, 16, 1000],
  ];
  return (["fused", "eager"] as const).flatMap((kind) =>
    ROUNDINGS.flatMap((round) =>
      shapes.map(([rows, heads, kvHeads, headDim, window], index): Case => {
        const q = drawn.matrix(rows, heads * headDim, flowing(round), 2);
        const [k, v] = [drawn.matrix(rows, kvHeads * headDim, flowing(round)), drawn.matrix(rows, kvHeads * headDim, flowing(round))];
        const scale = index === 2 ? 0.3 : 1 / Math.sqrt(headDim);
        const options: AttentionOptions = { heads, kvHeads, headDim, scale: Math.fround(scale), window, kind, round };
        return {
          group: `attention, ${kind}, round ${round}`,
          title: `${rows} tokens, ${heads} heads on ${kvHeads}, head size ${headDim}, scale ${scale}, ${window === undefined ? "no window" : `window ${window}`}`,
          round,
          run: async (executor) => {
            const [queries, keys, values] = [await drawn.put(executor, q), await drawn.put(executor, k), await drawn.put(executor, v)];
            return executor.attention(queries, keys, values, options);
          },
          expected: () => reference.attention(q, k, v, options),
        };
      }),
    ),
  );
}

const PAIRS: readonly [rows: number, columns: number][] = [
  [1, 1],
  [7, 33],
  [130, 64],
];

function siluMulCases(drawn: Drawn): Case[] {
  const roundings: readonly [Rounding, Rounding][] = [
    ["none", "none"],
    ["bf16", "bf16"],
    ["none", "bf16"],
  ];
  return roundings.flatMap(([roundSilu, round]) =>
    PAIRS.map(([rows, columns]): Case => {
      const gate = drawn.matrix(rows, columns, flowing(round), 8);
      const up = drawn.matrix(rows, columns, flowing(round));
      return {
        group: `siluMul, roundSilu ${roundSilu}, round ${round}`,
        title: `[${rows}, ${columns}]`,
        round,
        run: async (executor) => executor.siluMul(await drawn.put(executor, gate), await drawn.put(executor, up), { roundSilu, round }),
        expected: () => reference.siluMul(gate, up, { roundSilu, round }),
      };
    }),
  );
}

function geluCases(drawn: Drawn): Case[] {
  return ROUNDINGS.flatMap((round) =>
    PAIRS.map(([rows, columns], index): Case => {
      const x = drawn.matrix(rows, columns, flowing(round), index + 1);
      return {
        group: `geluTanh, round ${round}`,
        title: `[${rows}, ${columns}]`,
        round,
        run: async (executor) => executor.geluTanh(await drawn.put(executor, x), round),
        expected: () => reference.geluTanh(x, round),
      };
    }),
  );
}

function addCases(drawn: Drawn): Case[] {
  return ROUNDINGS.flatMap((round) =>
    PAIRS.map(([rows, columns]): Case => {
      const [a, b] = [drawn.matrix(rows, columns, flowing(round)), drawn.matrix(rows, columns, flowing(round), 20)];
      return {
        group: `add, round ${round}`,
        title: `[${rows}, ${columns}]`,
        round,
        run: async (executor) => executor.add(await drawn.put(executor, a), await drawn.put(executor, b), round),
        expected: () => reference.add(a, b, round),
      };
    }),
  );
}
