// Weights of a few kilobytes, a norm's or a bias: expanded on the host, and in GPU memory only while they are used.

import type { OpenFiles } from "../../store/open-files.js";
import { expand } from "../../tensor/expand.js";
import { numElements } from "../../tensor/shape.js";
import type { Weight } from "../executor.js";
import type { Buffers } from "./buffers.js";
import type { Gpu } from "./gpu.js";

/** A weight that has begun to be read. */
export interface SmallWeight {
  /** Hand it over as float32 in a buffer that is valid until `work` has ended. */
  use(work: (buffer: GPUBuffer) => Promise<void> | void): Promise<void>;
}

export class SmallWeights {
  constructor(
    private readonly gpu: Gpu,
    private readonly buffers: Buffers,
    private readonly files: OpenFiles,
  ) {}

  ahead(weight: Weight): SmallWeight {
    const reading = this.read(weight);
    reading.catch(() => {}); // met in use
    return {
      use: async (work) => {
        const values = await reading;
        const buffer = await this.buffers.take(weight.file, values.byteLength);
        try {
          this.gpu.device.queue.writeBuffer(buffer, 0, values);
          await work(buffer);
        } finally {
          this.buffers.give(buffer);
        }
      },
    };
  }

  private async read(weight: Weight): Promise<Float32Array<ArrayBuffer>> {
    const bytes = new Uint8Array(weight.byteLength);
    await this.files.read(weight.file, bytes, weight.byteOffset);
    const values = new Float32Array(numElements(weight.shape));
    expand(bytes, weight.dtype, values);
    return values;
  }
}
