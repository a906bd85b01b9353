// Faults that a tensor's bytes cannot hold: tensors and files that come and go, other dtypes, other sizes, other meanings of a config.

import { copyFileSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { encode, type FloatDType, nearest } from "../floats.js";
import { editJson, type RawTensor, readJson } from "../folders.js";
import type { CatalogueFault } from "./catalogue.js";
import { openFiles } from "./checkpoint-files.js";
import { inLayer, isNanotron, layerOf } from "./fault.js";
import { readWeightFile, writeWeightFile } from "./weight-file.js";

function weightFiles(folder: string, at = ""): string[] {
  return readdirSync(join(folder, at)).flatMap((name) => {
    const path = join(at, name);
    if (statSync(join(folder, path)).isDirectory()) return weightFiles(folder, path);
    return name.endsWith(".safetensors") ? [join(folder, path)] : [];
  });
}

function editTensors(folder: string, edit: (name: string, tensor: RawTensor) => RawTensor | undefined): void {
  for (const path of weightFiles(folder)) {
    const { metadata, tensors } = readWeightFile(path);
    const edited = [...tensors].flatMap(([name, tensor]): [string, RawTensor][] => {
      const now = edit(name, tensor);
      return now === undefined ? [] : [[name, now]];
    });
    writeWeightFile(path, { metadata, tensors: new Map(edited) });
  }
}

/** All of a Hugging Face folder's tensors in one file, with some more or fewer. */
function rewriteHuggingFace(folder: string, edit: (tensors: Map<string, RawTensor>) => Map<string, RawTensor>): void {
  const paths = weightFiles(folder);
  const tensors = new Map(paths.flatMap((path) => [...readWeightFile(path).tensors]));
  for (const path of [...paths, join(folder, "model.safetensors.index.json")]) rmSync(path, { force: true });
  writeWeightFile(join(folder, "model.safetensors"), { metadata: { format: "pt" }, tensors: edit(tensors) });
}

/** The value of each element, by the formats' definitions. */
function decode({ dtype, data }: RawTensor): Float64Array {
  const item = dtype === "F32" ? 4 : 2;
  return Float64Array.from({ length: data.length / item }, (_, at) => {
    if (dtype === "F32") return data.readFloatLE(at * 4);
    const bits = data.readUInt16LE(at * 2);
    const exponentBits = dtype === "BF16" ? 8 : 5;
    const fractionBits = 15 - exponentBits;
    const [exponent, fraction] = [(bits >> fractionBits) & (2 ** exponentBits - 1), bits & (2 ** fractionBits - 1)];
    const bias = 2 ** (exponentBits - 1) - 1;
    const size = exponent === 0 ? fraction * 2 ** (1 - bias - fractionBits) : (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
    return bits >= 0x8000 ? -size : size;
  });
}

const castTo =
  (dtype: FloatDType) =>
  (_: string, tensor: RawTensor): RawTensor => ({
    dtype,
    shape: tensor.shape,
    data: encode(
      decode(tensor).map((value) => nearest(value, dtype)),
      dtype,
    ),
  });

const SCALING = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };

function addScaling(folder: string): void {
  const { rope_parameters, rope_theta } = readJson(folder, "config.json");
  const theta = rope_parameters?.rope_theta ?? rope_theta;
  editJson(folder, "config.json", { rope_theta: theta, rope_scaling: SCALING, rope_parameters: { ...SCALING, rope_theta: theta } });
}

function dropScaling(folder: string): void {
  if (existsSync(join(folder, "model_config.json"))) return; // Nanotron ignores it: the fault is there already
  const { rope_parameters } = readJson(folder, "config.json");
  const theta = rope_parameters.rope_theta;
  editJson(folder, "config.json", { rope_scaling: null, rope_parameters: { rope_type: "default", rope_theta: theta } });
}

/** Rows that no token has, with what initialisation or a neighbour's memory may leave there. */
const PADDING = 16;

function padVocabulary(folder: string): void {
  const { facts, configName } = openFiles(folder);
  const names = isNanotron(facts)
    ? ["model.token_position_embeddings.pp_block.token_embedding.weight", "model.lm_head.pp_block.weight"]
    : ["model.embed_tokens.weight", "lm_head.weight"];
  const padded = (whole: Buffer) => Buffer.concat([whole, whole.subarray(0, (PADDING * whole.length) / facts.vocab)]);
  const vocab = facts.vocab + PADDING;
  if (isNanotron(facts)) {
    for (const name of facts.tied ? names.slice(0, 1) : names) padRanks(folder, name, padded, vocab);
  } else {
    editTensors(folder, (name, tensor) =>
      names.includes(name) ? { ...tensor, shape: [vocab, facts.hidden], data: padded(tensor.data) } : tensor,
    );
  }
  editJson(folder, configName, { vocab_size: vocab });
}

/** The whole, padded, cut anew for the same ranks. */
function padRanks(folder: string, parameter: string, padded: (whole: Buffer) => Buffer, vocab: number): void {
  const path = parameter.split(".").slice(0, -1);
  const rankOf = (file: string) => Number(/_tp-rank-(\d+)-of-/.exec(file)?.[1]);
  const files = weightFiles(folder, join("model", ...path)).sort((a, b) => rankOf(a) - rankOf(b));
  const parts = files.map(readWeightFile);
  const whole = padded(Buffer.concat(parts.map(({ tensors }) => tensors.get("data")?.data ?? Buffer.alloc(0))));
  files.forEach((file, rank) => {
    const { metadata, tensors } = parts[rank] as (typeof parts)[number];
    const { dtype, shape } = tensors.get("data") as RawTensor;
    const rows = vocab / files.length;
    const data = whole.subarray((rank * whole.length) / files.length, ((rank + 1) * whole.length) / files.length);
    const pairs = `None,None,None|None,None,None#${rank * rows},${(rank + 1) * rows},None|None,None,None`;
    writeWeightFile(file, {
      metadata: { ...metadata, unsharded_shape: `(${vocab}, ${shape[1]})`, local_global_slices_pairs: pairs },
      tensors: new Map([["data", { dtype, shape: [rows, shape[1] ?? 0], data }]]),
    });
  });
}

/** As Qwen2's attention has them, and as transformers' Llama takes them. */
function addBiases(folder: string): void {
  rewriteHuggingFace(folder, (tensors) => {
    for (const [name, { dtype, shape }] of [...tensors]) {
      if (!/[qkvo]_proj\.weight$/.test(name)) continue;
      const rows = shape[0] ?? 0;
      const values = Float64Array.from({ length: rows }, (_, row) => ((row % 7) - 3) / 8);
      tensors.set(name.replace(/weight$/, "bias"), { dtype, shape: [rows], data: encode(values, dtype as FloatDType) });
    }
    return tensors;
  });
  editJson(folder, "config.json", { attention_bias: true });
}

function dropBiases(folder: string): void {
  editTensors(folder, (name, tensor) => (name.endsWith(".bias") ? undefined : tensor));
  editJson(folder, "config.json", { attention_bias: false });
}

function dropDown(folder: string): void {
  const { facts } = openFiles(folder);
  if (isNanotron(facts)) {
    for (const file of weightFiles(folder, `model/model/decoder/${layerOf(facts)}/pp_block/mlp/down_proj`)) rmSync(file);
  } else {
    rewriteHuggingFace(folder, (tensors) => {
      tensors.delete(inLayer("mlp.down_proj", layerOf(facts)));
      return tensors;
    });
  }
}

/** The least that a change can be: the last bit of one element's significand. */
function flipOneBit(folder: string): void {
  const files = openFiles(folder);
  const layer = layerOf(files.facts);
  const name = isNanotron(files.facts) ? `model.decoder.${layer}.pp_block.mlp.down_proj.weight` : inLayer("mlp.down_proj", layer);
  const [tensor] = files.parts(name);
  const bytes = tensor?.read() ?? Buffer.alloc(0);
  const item = tensor?.dtype === "F32" ? 4 : 2;
  const at = Math.floor(bytes.length / item / 2) * item;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  tensor?.write(bytes);
}

/** One file of twice as many ranks, as an earlier run may have left it. */
function leaveStaleShard(folder: string): void {
  const [file = ""] = weightFiles(folder, `model/model/decoder/${layerOf(openFiles(folder).facts)}/pp_block/attn/o_proj`);
  copyFileSync(
    file,
    file.replace(/_tp-rank-(\d+)-of-(\d+)/, (_, rank, size) => `_tp-rank-${rank}-of-${2 * Number(size)}`),
  );
}

const SAME_FUNCTION = "the values are the same numbers, so that the function is the same";

const castAll =
  (dtype: FloatDType) =>
  (folder: string): void =>
    editTensors(folder, castTo(dtype));

const dtypeFaults: readonly CatalogueFault[] = [
  {
    id: "F17",
    title: "weights written as F32, twice the size",
    appliesTo: (_, dtype) => dtype !== "F32",
    elsewhere: "F32: right",
    inject: castAll("F32"),
    unseen: SAME_FUNCTION,
  },
  {
    id: "F17",
    title: "weights rounded to BF16",
    appliesTo: (_, dtype) => dtype !== "BF16",
    elsewhere: "BF16: right",
    inject: castAll("BF16"),
  },
  {
    id: "F17",
    title: "BF16 weights written as F16",
    appliesTo: (_, dtype) => dtype === "BF16",
    elsewhere: "not BF16: another form",
    inject: castAll("F16"),
    unseen: "what F16 cannot hold of weights of this size is less than the rounding of float32 sums",
  },
  {
    id: "F17",
    title: "16-bit weights called the other 16-bit dtype",
    appliesTo: (_, dtype) => dtype !== "F32",
    elsewhere: "F32: no other dtype of its size",
    inject: (folder) => editTensors(folder, (_, tensor) => ({ ...tensor, dtype: tensor.dtype === "BF16" ? "F16" : "BF16" })),
  },
];

export const wholeFaults: readonly CatalogueFault[] = [
  { id: "F03", title: "rope scaling dropped", appliesTo: () => true, prepare: addScaling, inject: dropScaling },
  { id: "F09", title: "down_proj not written", appliesTo: () => true, inject: dropDown },
  {
    id: "F14",
    title: "a tied model called untied",
    appliesTo: ({ tied }) => tied,
    elsewhere: "untied: right",
    inject: (folder) => editJson(folder, openFiles(folder).configName, { tie_word_embeddings: false }),
  },
  {
    id: "F16",
    title: "padded vocabulary rows left in",
    appliesTo: ({ tp }) => PADDING % tp === 0,
    elsewhere: "ranks that do not divide 16 rows: an error",
    inject: padVocabulary,
  },
  ...dtypeFaults,
  {
    id: "F18",
    title: "another activation",
    appliesTo: () => true,
    inject: (folder) => editJson(folder, openFiles(folder).configName, { hidden_act: "gelu" }),
  },
  {
    id: "F19",
    title: "the last bit of one element",
    appliesTo: () => true,
    inject: flipOneBit,
    unseen: "one unit in the last place of one weight is less than the rounding of float32 sums",
  },
  {
    id: "F20",
    title: "biases dropped",
    appliesTo: (facts) => !isNanotron(facts),
    elsewhere: "Nanotron: its Llama has no biases to begin with",
    prepare: addBiases,
    inject: dropBiases,
  },
  {
    id: "F22",
    title: "a stale shard of another topology",
    appliesTo: isNanotron,
    elsewhere: "Hugging Face: a file that no index names is not read",
    inject: leaveStaleShard,
  },
];
