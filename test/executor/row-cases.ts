// Cases of the ops that send rows to experts and back.

import type { Executor, Rounding } from "../../core/executor/executor.js";
import type { Drawn } from "../helpers/drawn.js";
import type { FloatDType } from "../helpers/floats.js";
import * as reference from "../helpers/reference-row-ops.js";
import type { Case } from "./cases.js";

const DTYPES: readonly FloatDType[] = ["BF16", "F16", "F32"];
const ROUNDINGS: readonly Rounding[] = ["none", "bf16"];

const flowing = (round: Rounding): FloatDType => (round === "bf16" ? "BF16" : "F32");

export const rowCases = (drawn: Drawn): Case[] => [...turnedCases(drawn), ...takeCases(drawn), ...joinCases(drawn), ...scaleCases(drawn)];

function turnedCases(drawn: Drawn): Case[] {
  const shapes: readonly [rows: number, width: number, outWidth: number][] = [
    [1, 1, 1],
    [7, 5, 3],
    [1, 7, 130],
    [2, 128, 64],
    [130, 33, 66],
  ];
  // More than one block of rows, once.
  const large: [number, number, number] = [3, 2048, 1030];
  return ROUNDINGS.flatMap((round) =>
    DTYPES.flatMap((dtype) =>
      [...shapes, ...(dtype === "BF16" && round === "none" ? [large] : [])].map(([rows, width, outWidth]): Case => {
        const x = drawn.matrix(rows, width, flowing(round));
        const weight = drawn.matrix(width, outWidth, dtype, 0.05);
        return {
          group: `linearTransposed, round ${round}`,
          title: `${dtype} [${rows}, ${width}] by [${width}, ${outWidth}]`,
          round,
          run: async (executor) => executor.linearTransposed(await drawn.put(executor, x), drawn.weight(weight, dtype), round),
          expected: () => reference.linearTransposed(x, weight, round),
        };
      }),
    ),
  );
}

function takeCases(drawn: Drawn): Case[] {
  const choices: readonly [rows: number, columns: number, taken: readonly number[]][] = [
    [1, 1, [0]],
    [5, 33, [4, 0, 4, 4, 1, 2, 3, 0]],
    [130, 64, [129]],
  ];
  return choices.map(([rows, columns, taken]): Case => {
    const x = drawn.matrix(rows, columns);
    return {
      group: "takeRows",
      title: `${taken.length} of [${rows}, ${columns}]`,
      round: "none",
      run: async (executor) => executor.takeRows(await drawn.put(executor, x), Uint32Array.from(taken)),
      expected: () => reference.takeRows(x, taken),
    };
  });
}

function joinCases(drawn: Drawn): Case[] {
  return [[1], [3, 1], [64, 7, 2]].map((heights): Case => {
    const parts = heights.map((rows) => drawn.matrix(rows, 33));
    const put = (executor: Executor) => Promise.all(parts.map((part) => drawn.put(executor, part)));
    return {
      group: "joinRows",
      title: heights.join(" + "),
      round: "none",
      run: async (executor) => executor.joinRows(await put(executor)),
      expected: () => reference.joinRows(parts),
    };
  });
}

function scaleCases(drawn: Drawn): Case[] {
  const shapes: readonly [rows: number, columns: number][] = [
    [1, 1],
    [7, 33],
    [130, 64],
  ];
  return ROUNDINGS.flatMap((round) =>
    shapes.map(([rows, columns]): Case => {
      const x = drawn.matrix(rows, columns, flowing(round), 8);
      const factors = Array.from(drawn.matrix(1, rows, flowing(round)).values, (factor, row) => (row % 5 === 3 ? 0 : factor));
      return {
        group: `scaleRows, round ${round}`,
        title: `[${rows}, ${columns}]`,
        round,
        run: async (executor) => executor.scaleRows(await drawn.put(executor, x), Float32Array.from(factors), round),
        expected: () => reference.scaleRows(x, factors, round),
      };
    }),
  );
}
