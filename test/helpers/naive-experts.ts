// What Nanotron's stacked parameters must hold, computed index by index from plugins/qwen2-moe/README.md's rules alone: the outside
// check of stacks, with nothing of core in it.

import type { RawTensor } from "./folders.js";

export interface ExpertSizes {
  readonly experts: number;
  readonly hidden: number;
  readonly ffn: number;
}

type Get = (name: string) => RawTensor;

const word = ({ data, shape }: RawTensor, row: number, column: number): number => data.readUInt16LE((row * (shape[1] ?? 0) + column) * 2);

/** [E, H, 2F]: of expert e, row h: gate's column h, then up's. @param at - where the experts are, e.g. `model.layers.0.mlp` */
export function naiveGateUp(get: Get, at: string, { experts, hidden, ffn }: ExpertSizes): Buffer {
  const out = Buffer.alloc(experts * hidden * 2 * ffn * 2);
  let place = 0;
  for (let expert = 0; expert < experts; expert++)
    for (let row = 0; row < hidden; row++)
      for (const part of ["gate_proj", "up_proj"])
        for (let column = 0; column < ffn; column++) {
          out.writeUInt16LE(word(get(`${at}.experts.${expert}.${part}.weight`), column, row), place);
          place += 2;
        }
  return out;
}

/** [E, F, H]: of expert e, row f: down's column f. */
export function naiveDown(get: Get, at: string, { experts, hidden, ffn }: ExpertSizes): Buffer {
  const out = Buffer.alloc(experts * ffn * hidden * 2);
  let place = 0;
  for (let expert = 0; expert < experts; expert++)
    for (let row = 0; row < ffn; row++)
      for (let column = 0; column < hidden; column++) {
        out.writeUInt16LE(word(get(`${at}.experts.${expert}.down_proj.weight`), column, row), place);
        place += 2;
      }
  return out;
}

/** A bfloat16 is the upper half of a float32. */
export function naiveFloat32({ data }: RawTensor): Buffer {
  const out = Buffer.alloc(data.length * 2);
  for (let at = 0; at < data.length; at += 2) out.writeUInt16LE(data.readUInt16LE(at), at * 2 + 2);
  return out;
}
