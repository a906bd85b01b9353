// F19: the smallest change of one element that predictions alone catch, in powers of two of its tensor's size.

import { cpSync } from "node:fs";
import type { Engine } from "../../../core/index.js";
import { openFiles } from "../../helpers/faults/checkpoint-files.js";
import { readJson, type Scratch } from "../../helpers/folders.js";

/** In layers that are neither the first nor the last, and around them. */
const TENSORS = [
  "model.embed_tokens.weight",
  "model.layers.1.self_attn.q_proj.weight",
  "model.layers.1.self_attn.o_proj.weight",
  "model.layers.1.mlp.down_proj.weight",
  "model.layers.1.post_attention_layernorm.weight",
  "model.norm.weight",
  "lm_head.weight",
];

export interface Smallest {
  readonly tensor: string;
  /** Root of the mean square of the tensor's elements. */
  readonly rms: number;
  /** Undefined where not even a change of the tensor's own size is caught. */
  readonly change: number | undefined;
}

/** The least step of a float32 of the tensor's size, and where the search begins. */
const MOST_HALVINGS = 23;
const LIKELY_HALVINGS = 12;

/** @param source - a Hugging Face folder in float32 */
export async function smallestCaught(engine: Engine, scratch: Scratch, source: string): Promise<Smallest[]> {
  const found: Smallest[] = [];
  const firstToken: number = readJson(source, "config.json").bos_token_id;
  for (const tensor of TENSORS) {
    const folder = scratch.fresh();
    cpSync(source, folder, { recursive: true });
    const [stored] = openFiles(folder).parts(tensor);
    const right = Buffer.from(stored?.read() ?? Buffer.alloc(0));
    const values = Float64Array.from({ length: right.length / 4 }, (_, at) => right.readFloatLE(at * 4));
    const rms = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    const isCaught = async (halvings: number): Promise<boolean> => {
      const bytes = Buffer.from(right);
      const at = tensor.includes("embed") ? firstToken * (stored?.shape[1] ?? 0) : Math.floor(values.length / 2);
      bytes.writeFloatLE((values[at] ?? 0) + rms * 2 ** -halvings, at * 4);
      stored?.write(bytes);
      return (await engine.verify(source, folder, { checks: ["predictions"], executor: "cpu" })).verdict === "different";
    };
    found.push({ tensor, rms, change: await leastCaught(isCaught, rms) });
    scratch.empty(folder);
  }
  return found;
}

/** From a likely size step by step to the first that is missed, or back to the first that is caught. */
async function leastCaught(isCaught: (halvings: number) => Promise<boolean>, rms: number): Promise<number | undefined> {
  let halvings = LIKELY_HALVINGS;
  if (await isCaught(halvings)) while (halvings < MOST_HALVINGS && (await isCaught(halvings + 1))) halvings++;
  else {
    do halvings--;
    while (halvings >= 0 && !(await isCaught(halvings)));
  }
  return halvings < 0 ? undefined : rms * 2 ** -halvings;
}
