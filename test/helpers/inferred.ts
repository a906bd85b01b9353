// A pair written by hand, what `plugins infer` makes of it, and ways to spoil one.

import { createEngine, type InferReport } from "../../core/index.js";
import type { RawTensor } from "./folders.js";
import { type PairOptions, type Tensors, writePair } from "./made-pair.js";
import { mappingOf } from "./mapping.js";
import type { HandMadeParameter } from "./write-nanotron.js";

const engine = createEngine();

export interface Inferred {
  readonly report: InferReport;
  readonly mapping: ReturnType<typeof mappingOf>;
}

export async function inferPair(
  fresh: () => string,
  options: PairOptions,
  change?: (pair: ReturnType<typeof writePair>) => void,
): Promise<Inferred> {
  const pair = writePair(fresh, options);
  change?.(pair);
  const out = fresh();
  const report = await engine.inferPlugin(pair.huggingface, pair.nanotron, { out });
  return { report, mapping: mappingOf(engine.checkPlugin(out)) };
}

export function mappingNamed(name: string): ReturnType<typeof mappingOf> {
  const plugin = engine.plugins().find((candidate) => candidate.name === name);
  if (plugin === undefined) throw new Error(`no plugin ${name}`);
  return mappingOf(plugin);
}

/** The rule of one parameter, by the end of its name. */
export const ruleOf = ({ mapping }: Inferred, end: string) =>
  mapping.flatMap(({ parameters }) => parameters).find(([name]) => name.endsWith(end))?.[1];

export const ones = ({ dtype, shape, data }: RawTensor): RawTensor => {
  const same = Buffer.alloc(data.length);
  for (let at = 0; at < data.length; at += 2) same.writeUInt16LE(0x3f80, at);
  return { dtype, shape, data: same };
};
export const zeros = ({ dtype, shape, data }: RawTensor): RawTensor => ({ dtype, shape, data: Buffer.alloc(data.length) });

export const each = (tensors: Tensors, end: string, change: (tensor: RawTensor) => RawTensor): void => {
  for (const [name, tensor] of tensors) if (name.endsWith(end)) tensors.set(name, change(tensor));
};
export const changed =
  (end: string, change: (parameter: HandMadeParameter, tensors: Tensors) => HandMadeParameter | undefined) =>
  (parameters: HandMadeParameter[], tensors: Tensors): HandMadeParameter[] =>
    parameters.flatMap((parameter) => (parameter.name.endsWith(end) ? (change(parameter, tensors) ?? []) : parameter));
