// Random matrices of values that a dtype holds, their way onto an executor, and their way into a weight file.

import type { Executor, Tensor, Weight } from "../../core/executor/executor.js";
import { type FloatDType, nearest } from "./floats.js";
import { normal, uniform } from "./random.js";
import type { Matrix } from "./reference-ops.js";
import type { WeightFiles } from "./weight-files.js";

/** Draws matrices, each unlike the others, all from one seed. */
export class Drawn {
  private readonly next: () => number;

  constructor(
    readonly files: WeightFiles,
    seed: number,
  ) {
    this.next = uniform(seed);
  }

  /** Normal values of the given deviation, rounded to the dtype. */
  matrix(rows: number, columns: number, dtype: FloatDType = "F32", deviation = 1): Matrix {
    const draw = normal(this.next);
    return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => nearest(draw(deviation), dtype)) };
  }

  /** A matrix as a weight on disk. */
  weight({ rows, columns, values }: Matrix, dtype: FloatDType): Weight {
    return this.files.write(values, dtype, [rows, columns]);
  }

  /** A row as a weight on disk with one axis. */
  vector({ columns, values }: Matrix, dtype: FloatDType): Weight {
    return this.files.write(values, dtype, [columns]);
  }

  /** A matrix of float32 values on an executor, exactly. */
  put(executor: Executor, matrix: Matrix): Promise<Tensor> {
    return executor.embed(
      this.weight(matrix, "F32"),
      Uint32Array.from({ length: matrix.rows }, (_, row) => row),
      { firstRow: 0 },
    );
  }
}

export const matrixOf = (...rows: readonly (readonly number[])[]): Matrix => ({
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
  values: Float64Array.from(rows.flat()),
});
