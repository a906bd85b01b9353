// Hugging Face checkpoints made from a plugin and a config: of a small model with drawn weights, of a large one headers only.

import { type Architecture, type Component, expand } from "../architecture/architecture.js";
import type { CastTarget, Plugin, Values } from "../architecture/declaration.js";
import { configure } from "../architecture/settings.js";
import { encodeHeader, referenceOrder } from "../format/safetensors.js";
import { HuggingFaceLayout } from "../layout/huggingface/layout.js";
import { castRun } from "../tensor/cast.js";
import { torchName } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";
import type { MemoryStore } from "./memory-store.js";

export interface Made {
  readonly dimensions: Readonly<Record<string, number>>;
  readonly architecture: Architecture;
  /** The sizes that tensor-parallel ranks share. */
  readonly shared: readonly number[];
}

/**
 * Write `folder/config.json` and `folder/model.safetensors`, in the config's dtype.
 *
 * @param seed - undefined writes headers only
 * @param stored - names of small tensors that are there as well
 */
export function makeCheckpoint(
  store: MemoryStore,
  folder: string,
  plugin: Plugin,
  { config, seed, stored = [] }: { config: Values; seed: number | undefined; stored?: readonly string[] | undefined },
): Made {
  const settings = new HuggingFaceLayout().readSettings(config, plugin);
  const configuration = configure(plugin, settings, "huggingface", `${folder}/config.json`);
  const architecture = expand(plugin, configuration);
  const { components, blocks } = architecture;
  const dtype = dtypeOf(config);
  const all = [...components, ...stored.map((name) => ({ name, shape: [2] }))];
  const specs = all.map(({ name, shape }) => ({ name, shape, dtype }));
  const { bytes, tensors, fileByteLength } = encodeHeader(referenceOrder(specs), { format: "pt" });
  store.files.set(`${folder}/config.json`, new TextEncoder().encode(JSON.stringify(config)));
  if (seed === undefined) {
    store.addSparse(`${folder}/model.safetensors`, bytes, fileByteLength);
  } else {
    const file = new Uint8Array(fileByteLength);
    file.set(bytes);
    const next = normal(seed);
    for (const { name, shape, byteStart } of tensors)
      file.set(castRun(drawWeights(shape, centreOf(name, shape), next), "F32", dtype), byteStart);
    store.files.set(`${folder}/model.safetensors`, file);
  }
  const parameters = blocks.flatMap((block) => block.parameters);
  const shared = parameters.flatMap(({ parallelAxis, components: parts }) =>
    parallelAxis === undefined ? [] : parts.map((part) => sharedSize(part, parallelAxis)),
  );
  return { dimensions: configuration.dimensions, architecture, shared: [...new Set(shared)] };
}

/** @param axis - Nanotron's, in which a transposed component lies the other way */
const sharedSize = ({ axes, transpose }: Component, axis: number): number => axes[transpose ? axes.length - 1 - axis : axis]?.[0] ?? 1;

/** Norms are about 1, all else about 0. */
const centreOf = (name: string, shape: Shape): number => (shape.length === 1 && !name.endsWith("bias") ? 1 : 0);

/**
 * Weights that make a forward say much: matrices keep the size of what goes through them. Attention that
 * prefers some positions and logits that prefer some tokens need deviations a little above 1 / √columns.
 */
function drawWeights(shape: Shape, centre: number, next: () => number): Uint8Array {
  const deviation = shape.length > 1 ? 1.5 / Math.sqrt(shape.at(-1) ?? 1) : 0.2;
  const drawn = Float32Array.from({ length: numElements(shape) }, () => centre + deviation * next());
  return new Uint8Array(drawn.buffer);
}

/** BF16 where the config does not say, as most models are published. */
export function dtypeOf(config: Values): CastTarget {
  const said = config.dtype ?? config.torch_dtype;
  return (["F16", "F32"] as const).find((dtype) => torchName(dtype) === said) ?? "BF16";
}

/** Normal numbers by Box and Muller, from mulberry32. */
function normal(seed: number): () => number {
  let state = seed | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
