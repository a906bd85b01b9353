// Whole tensors and layers: in each other's places, or never written.

import { encode } from "../floats.js";
import type { CheckpointFiles, StoredBytes } from "./checkpoint-files.js";
import { attention, type Fault, fault, feedForward, inEveryLayer, inLayer, inOneLayer, layerOf } from "./fault.js";
import { inside, top, wholeLayer } from "./model-parts.js";

const ALL = [
  ...["q", "k", "v", "o"].map((name) => `self_attn.${name}_proj`),
  ...["gate", "up", "down"].map((name) => `mlp.${name}_proj`),
  "input_layernorm",
  "post_attention_layernorm",
];
const inLayers = (...layers: readonly number[]) => layers.flatMap((layer) => ALL.map((name) => inLayer(name, layer)));
const finalNorm = { changes: () => ["model.norm.weight"], stage: () => "final norm" } as const;

const copyAll = (from: readonly Buffer[], to: readonly StoredBytes[]): void =>
  to.forEach((tensor, at) => tensor.write(from[at] ?? Buffer.alloc(0)));
const bytesOf = (tensors: readonly StoredBytes[]): Buffer[] => tensors.map((tensor) => tensor.read());

/** As a framework initialises a norm. */
function fillWithOnes(tensor: StoredBytes): void {
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  tensor.write(encode(new Float64Array(count).fill(1), tensor.dtype));
}

function swap(a: readonly StoredBytes[], b: readonly StoredBytes[]): void {
  const [first, second] = [bytesOf(a), bytesOf(b)];
  copyAll(second, a);
  copyAll(first, b);
}

function shiftLayers(files: CheckpointFiles): void {
  const layers = Array.from({ length: files.facts.layers }, (_, layer) => wholeLayer(files, layer));
  const bytes = layers.map(bytesOf);
  layers.forEach((layer, at) => copyAll(bytes[(at + 1) % bytes.length] ?? [], layer));
}

export const layerFaults: readonly Fault[] = [
  fault({
    id: "F07",
    title: "input_layernorm and post_attention_layernorm swapped",
    changes: inOneLayer("input_layernorm", "post_attention_layernorm"),
    ...attention,
    edit: (files) => swap(inside(files, layerOf(files.facts), "inputNorm"), inside(files, layerOf(files.facts), "postNorm")),
  }),
  fault({
    id: "F08",
    title: "two layers swapped",
    where: ({ layers }) => layers > 2,
    elsewhere: "two layers: the other form; one: the identity",
    changes: (facts) => inLayers(layerOf(facts), layerOf(facts) + 1),
    ...attention,
    edit: (files) => swap(wholeLayer(files, layerOf(files.facts)), wholeLayer(files, layerOf(files.facts) + 1)),
  }),
  fault({
    id: "F08",
    title: "layer index off by one",
    where: ({ layers }) => layers > 1,
    elsewhere: "one layer: the identity",
    changes: inEveryLayer(...ALL),
    stage: () => "layer 0 attention",
    edit: shiftLayers,
  }),
  fault({
    id: "F09",
    title: "down_proj left at zero",
    changes: inOneLayer("mlp.down_proj"),
    ...feedForward,
    edit: (files) => {
      for (const tensor of inside(files, layerOf(files.facts), "down")) tensor.write(Buffer.alloc(tensor.read().length));
    },
  }),
  fault({
    id: "F09",
    title: "the last rank's o_proj left at zero",
    where: ({ tp }) => tp > 1,
    elsewhere: "one rank: the whole tensor",
    changes: inOneLayer("self_attn.o_proj"),
    ...attention,
    edit: (files) => {
      const tensor = inside(files, layerOf(files.facts), "o").at(-1);
      tensor?.write(Buffer.alloc(tensor.read().length));
    },
  }),
  fault({
    id: "F09",
    title: "post_attention_layernorm left at its initial ones",
    changes: inOneLayer("post_attention_layernorm"),
    ...feedForward,
    edit: (files) => inside(files, layerOf(files.facts), "postNorm").forEach(fillWithOnes),
  }),
  fault({
    id: "F21",
    title: "final norm left at its initial ones",
    ...finalNorm,
    edit: (files) => top(files, "finalNorm").forEach(fillWithOnes),
  }),
  fault({
    id: "F21",
    title: "final norm taken from the last layer",
    ...finalNorm,
    edit: (files) => copyAll(bytesOf(inside(files, files.facts.layers - 1, "postNorm")), top(files, "finalNorm")),
  }),
];
