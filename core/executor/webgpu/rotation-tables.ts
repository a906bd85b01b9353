// RoPE's cos and sin, computed on the host: WGSL's own may be off by 2^-11. A table serves all layers of a model.

import { bf16 } from "../cpu/kernels/rounding.js";
import type { RotateOptions } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Gpu } from "./gpu.js";

/** Models in lockstep, exact and rounded. */
const MAX_TABLES = 8;

export class RotationTables {
  private readonly made = new Map<string, Promise<GPUBuffer>>();

  constructor(
    private readonly gpu: Gpu,
    private readonly buffers: Buffers,
  ) {}

  /** @returns cos, then sin, each [rows, D/2] */
  get(rows: number, options: RotateOptions): Promise<GPUBuffer> {
    const { frequencies, tableFactor, roundTable } = options;
    const key = [rows, tableFactor, roundTable, ...frequencies].join();
    const found = this.made.get(key) ?? this.make(rows, options);
    this.made.delete(key);
    this.made.set(key, found);
    const [oldest] = this.made;
    if (oldest !== undefined && this.made.size > MAX_TABLES) {
      this.made.delete(oldest[0]);
      oldest[1].then(
        (buffer) => this.buffers.give(buffer),
        () => undefined,
      );
    }
    return found;
  }

  private async make(rows: number, { frequencies, tableFactor, roundTable }: RotateOptions): Promise<GPUBuffer> {
    const half = frequencies.length;
    const table = new Float32Array(2 * rows * half);
    const entry = (value: number): number => {
      const scaled = Math.fround(value) * tableFactor;
      return roundTable === "bf16" ? bf16(scaled) : scaled;
    };
    for (let row = 0; row < rows; row++) {
      for (let pair = 0; pair < half; pair++) {
        const angle = Math.fround(row * (frequencies[pair] as number));
        table[row * half + pair] = entry(Math.cos(angle));
        table[(rows + row) * half + pair] = entry(Math.sin(angle));
      }
    }
    const buffer = await this.buffers.take("rotate", table.byteLength);
    this.gpu.device.queue.writeBuffer(buffer, 0, table);
    return buffer;
  }
}
