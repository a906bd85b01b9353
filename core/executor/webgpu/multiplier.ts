// Which kernel multiplies, and over how many groups.

import type { DType } from "../../tensor/dtype.js";
import type { Rounding } from "../executor.js";
import { USAGE } from "./constants.js";
import type { Gpu } from "./gpu.js";
import { spread, THREADS } from "./kernels/kernel.js";
import { linearKernel, oddLinearKernel, type Tile } from "./kernels/linear.js";
import type { Part } from "./weights.js";

/** Letters as in executor.ts. */
export interface Product {
  readonly rows: number; // T
  readonly width: number; // H
  readonly outWidth: number; // O
  readonly dtype: DType;
  readonly round: Rounding;
}

export interface Operands {
  readonly input: GPUBuffer; // [T, H]
  readonly bias: GPUBuffer | undefined; // [O]
  readonly out: GPUBuffer; // [T, O]
}

const LARGE: Tile = { rows: 128, columns: 128 };
const SMALL: Tile = { rows: 64, columns: 64 };
/** Fewer large tiles than this leave parts of a large GPU without work. */
const BUSY_GROUPS = 96;

export class Multiplier {
  /** Stands in for a bias that there is not. */
  private readonly nothing: GPUBuffer;

  constructor(private readonly gpu: Gpu) {
    this.nothing = gpu.device.createBuffer({ size: 4, usage: USAGE.storage });
  }

  /** The columns of the result that one part of the weight gives. */
  run({ rows, width, outWidth, dtype, round }: Product, part: Part, { input, bias, out }: Operands): void {
    const buffers = [input, part.buffer, bias ?? this.nothing, out];
    const params = { rows, width, weightRows: part.rows, outWidth, firstColumn: part.firstRow, hasBias: bias === undefined ? 0 : 1 };
    if (width % 4 === 0) {
      const groups = (tile: Tile) => [Math.ceil(rows / tile.rows), Math.ceil(part.rows / tile.columns)] as const;
      const [x, y] = groups(LARGE);
      const tile = x * y < BUSY_GROUPS ? SMALL : LARGE;
      this.gpu.run(linearKernel(dtype, round, tile), buffers, params, groups(tile));
    } else {
      const count = rows * part.rows;
      this.gpu.run(oddLinearKernel(dtype, round), buffers, { ...params, count }, spread(Math.ceil(count / THREADS)));
    }
  }
}
