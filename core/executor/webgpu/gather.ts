// An embedding's rows: only those of the tokens are read, whatever the size of the table.

import { itemSize } from "../../tensor/dtype.js";
import type { Weight } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Gpu } from "./gpu.js";
import { type Kernel, spread, THREADS } from "./kernels/kernel.js";
import { expandRowsKernel } from "./kernels/stored.js";
import { type Piece, SLOT_BYTES, type Staging } from "./staging.js";

export interface Gathering {
  readonly table: Weight; // [rows, H]
  readonly tokens: Uint32Array;
  readonly firstRow: number;
}

export class Gatherer {
  constructor(
    private readonly gpu: Gpu,
    private readonly buffers: Buffers,
    private readonly staging: Staging,
  ) {}

  /** The tokens' rows as float32 in `out` [T, H], zeros for tokens that the table does not hold. */
  async fill(out: GPUBuffer, { table, tokens, firstRow }: Gathering): Promise<void> {
    const [rows, width] = table.shape as [number, number];
    const rowBytes = width * itemSize(table.dtype);
    const stride = Math.ceil(rowBytes / 4) * 4;
    const raw = await this.buffers.take("embed", tokens.length * stride);
    try {
      this.zero(raw);
      const wanted = Array.from(tokens, (token, at) => ({ row: token - firstRow, at })).filter(({ row }) => row >= 0 && row < rows);
      const atOnce = Math.max(1, Math.floor(SLOT_BYTES / stride));
      const pieces = wanted.map(({ row, at }): Piece => {
        return { file: table.file, position: table.byteOffset + row * rowBytes, byteLength: rowBytes, target: at * stride };
      });
      for (const run of runs(pieces, stride, atOnce)) await this.staging.gather(run, raw);
      const kernel: Kernel = expandRowsKernel(table.dtype);
      const params = { count: tokens.length * width, width, strideElements: stride / itemSize(table.dtype) };
      this.gpu.run(kernel, [raw, out], params, spread(Math.ceil(params.count / THREADS)));
    } finally {
      this.buffers.give(raw);
    }
  }

  private zero(buffer: GPUBuffer): void {
    const encoder = this.gpu.device.createCommandEncoder();
    encoder.clearBuffer(buffer);
    this.gpu.submit(encoder);
  }
}

/** Pieces that follow one another without a gap, at most so many together. */
function runs(pieces: readonly Piece[], stride: number, atOnce: number): Piece[][] {
  const found: Piece[][] = [];
  for (const piece of pieces) {
    const run = found.at(-1);
    const isNext = run !== undefined && run.length < atOnce && piece.target === (run.at(-1)?.target ?? 0) + stride;
    if (isNext) run.push(piece);
    else found.push([piece]);
  }
  return found;
}
