// The ops on whole rows and on turned weights once more, naively, as reference-ops.ts has the others.

import type { Rounding } from "../../core/executor/executor.js";
import { nearest, ulp } from "./floats.js";
import { at, linear, type Matrix, type Reference } from "./reference-ops.js";

const built = (rows: number, columns: number, element: (row: number, column: number) => number): Matrix => ({
  rows,
  columns,
  values: Float64Array.from({ length: rows * columns }, (_, index) => element(Math.floor(index / columns), index % columns)),
});

const exactly = (matrix: Matrix): Reference => ({ ...matrix, bounds: new Float64Array(matrix.values.length) });

/** As the product with the weight turned. */
export function linearTransposed(x: Matrix, weight: Matrix, rounding: Rounding): Reference {
  const turned = built(weight.columns, weight.rows, (row, column) => at(weight, column, row));
  return linear(x, turned, undefined, rounding);
}

export const takeRows = (x: Matrix, rows: readonly number[]): Reference =>
  exactly(built(rows.length, x.columns, (row, column) => at(x, rows[row] as number, column)));

export function joinRows(parts: readonly Matrix[]): Reference {
  const rows = parts.flatMap((part) => Array.from({ length: part.rows }, (_, row) => ({ part, row })));
  return exactly(
    built(rows.length, parts[0]?.columns ?? 0, (index, column) => {
      const { part, row } = rows[index] as { part: Matrix; row: number };
      return at(part, row, column);
    }),
  );
}

/** One product of float32 numbers, rounded once to float32 and, if asked, once more. */
export function scaleRows(x: Matrix, factors: readonly number[], rounding: Rounding): Reference {
  const products = built(x.rows, x.columns, (row, column) => at(x, row, column) * (factors[row] as number));
  const values = products.values.map((value) => (rounding === "bf16" ? nearest(value, "BF16") : value));
  const bounds = products.values.map((value) => (value === 0 ? 0 : ulp(value, rounding === "bf16" ? "BF16" : "F32")));
  return { ...products, values, bounds };
}
