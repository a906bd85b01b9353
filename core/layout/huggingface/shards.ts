// How a Hugging Face checkpoint is split into files: transformers' own greedy rule, and the index that names the shards.

import { encodeHeader, referenceOrder } from "../../format/safetensors.js";
import { itemSize } from "../../tensor/dtype.js";
import { numElements } from "../../tensor/shape.js";
import type { Slot, TargetFile, TargetRequest } from "../layout.js";

/** Older transformers refuse a file without it. */
const METADATA = { format: "pt" };

const slotBytes = ({ dtypes }: TargetRequest, slot: Slot): number => numElements(slot.shape) * itemSize(dtypes.get(slot.key) ?? "F32");

/**
 * Fill shards in state-dict order; a tensor that would take one past the limit begins the next. A tensor over the limit
 * gets a shard of its own, numbered before the one still being filled, as transformers numbers it.
 *
 * @see huggingface_hub 1.33 serialization/_base.py, split_state_dict_into_shards_factory
 */
function splitIntoShards(request: TargetRequest): Slot[][] {
  const shards: Slot[][] = [];
  let open: Slot[] = [];
  let filled = 0;
  for (const slot of request.slots) {
    const byteLength = slotBytes(request, slot);
    if (byteLength > request.maxShardBytes) {
      shards.push([slot]);
      continue;
    }
    if (filled + byteLength > request.maxShardBytes) {
      shards.push(open);
      [open, filled] = [[], 0];
    }
    open.push(slot);
    filled += byteLength;
  }
  return open.length === 0 ? shards : [...shards, open];
}

const shardName = (index: number, count: number): string => {
  const five = (number: number) => String(number).padStart(5, "0");
  return count === 1 ? "model.safetensors" : `model-${five(index + 1)}-of-${five(count)}.safetensors`;
};

export function shardFiles(request: TargetRequest): TargetFile[] {
  const shards = splitIntoShards(request);
  return shards.map((slots, index) => {
    const specs = slots.map(({ key, name, shape }) => ({ key, name, shape, dtype: request.dtypes.get(key) ?? "F32" }));
    const { bytes, tensors, fileByteLength } = encodeHeader(referenceOrder(specs), METADATA);
    return {
      path: shardName(index, shards.length),
      byteLength: fileByteLength,
      header: bytes,
      tensors: tensors.map((tensor) => ({ ...tensor, key: tensor.name })),
    };
  });
}

/** The index of a sharded checkpoint, as transformers 5 writes it. */
export function indexDocument(files: readonly TargetFile[]): unknown {
  const tensors = files.flatMap((file) => file.tensors.map((tensor) => ({ tensor, path: file.path })));
  const sorted = tensors.sort((a, b) => (a.tensor.name < b.tensor.name ? -1 : 1));
  return {
    metadata: {
      total_parameters: tensors.reduce((sum, { tensor }) => sum + numElements(tensor.shape), 0),
      total_size: tensors.reduce((sum, { tensor }) => sum + tensor.byteEnd - tensor.byteStart, 0),
    },
    weight_map: Object.fromEntries(sorted.map(({ tensor, path }) => [tensor.name, path])),
  };
}
