// RoPE's cos and sin, computed on the host: WGSL's own may be off by 2^-11. A table serves all layers of a model.

import { bf16 } from "../cpu/kernels/rounding.js";
import type { RotateOptions } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Gpu } from "./gpu.js";
import { Value } from "./values.js";

/** Models in lockstep, exact and rounded. */
const MAX_TABLES = 8;

export class RotationTables {
  private readonly made = new Map<string, Value>();

  constructor(
    private readonly gpu: Gpu,
    private readonly buffers: Buffers,
  ) {}

  /**
   * @param work - queues what reads the table: cos, then sin, each [rows, D/2]. The buffer serves nothing else before it has.
   */
  async use(rows: number, options: RotateOptions, work: (table: GPUBuffer) => void): Promise<void> {
    const table = this.find(rows, options).hold();
    try {
      work(await table.buffer);
    } finally {
      table.letGo();
    }
  }

  private find(rows: number, options: RotateOptions): Value {
    const { frequencies, tableFactor, roundTable } = options;
    const key = [rows, tableFactor, roundTable, ...frequencies].join();
    const known = this.made.get(key);
    const found = known === undefined || known.failure !== undefined ? new Value(this.make(rows, options), this.buffers) : known;
    this.made.delete(key);
    this.made.set(key, found);
    const [oldest] = this.made;
    if (oldest !== undefined && this.made.size > MAX_TABLES) {
      this.made.delete(oldest[0]);
      oldest[1].letGo();
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
