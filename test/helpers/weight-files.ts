// Weights for tests: raw files in a temporary folder, each weight at an odd byte offset between other bytes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Weight } from "../../core/executor/executor.js";
import { encode, type FloatDType } from "./floats.js";

export class WeightFiles {
  /** Made with the first weight, so that a suite that is skipped leaves nothing behind. */
  private folder: string | undefined;
  private written = 0;

  write(values: Float64Array, dtype: FloatDType, shape: readonly number[]): Weight {
    this.folder ??= mkdtempSync(join(tmpdir(), "weighbridge-weights-"));
    const file = join(this.folder, `${this.written++}.bin`);
    const byteOffset = 1 + 2 * (this.written % 5);
    const bytes = encode(values, dtype);
    writeFileSync(file, Buffer.concat([Buffer.alloc(byteOffset, 0x5a), bytes, Buffer.alloc(3, 0x5a)]));
    return { file, byteOffset, byteLength: bytes.length, dtype, shape };
  }

  remove(): void {
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true });
  }
}
