// Tensors that are stored although the config ties them to others: they may be left behind only if the two are equal.

import type { StoredTensor } from "../layout/layout.js";
import type { Twin } from "../plan/match-slots.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import type { Model } from "./open.js";

const SPAN_BYTES = 8 * 1024 * 1024;

/** @returns the stored tied tensors whose bytes differ from those of the tensor that they are tied to */
export async function differingTwins(store: Store, { checkpoint, stored: { twins } }: Model): Promise<Twin[]> {
  const files = new OpenFiles(store);
  const read = async (tensor: StoredTensor, done: number, length: number) => {
    const bytes = new Uint8Array(length);
    await files.read(checkpoint.files[tensor.file]?.path ?? "", bytes, tensor.byteStart + done);
    return bytes;
  };
  const differing: Twin[] = [];
  try {
    for (const twin of twins) {
      const { stored, original } = twin;
      const byteLength = stored.byteEnd - stored.byteStart;
      for (let done = 0; done < byteLength; done += SPAN_BYTES) {
        const length = Math.min(SPAN_BYTES, byteLength - done);
        const mine = await read(stored, done, length);
        const theirs = await read(original, done, length);
        if (Buffer.compare(mine, theirs) === 0) continue;
        differing.push(twin);
        break;
      }
    }
  } finally {
    await files.close();
  }
  return differing;
}
