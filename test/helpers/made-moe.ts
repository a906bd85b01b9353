// A small Qwen2 with experts written twice by hand, as made-pair.ts has the dense ones: as transformers keeps it, and as Nanotron does.
// The facts are those of plugins/qwen2-moe/README.md.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode, nearest } from "./floats.js";
import { editJson, type RawTensor, readJson, writeTensors } from "./folders.js";
import { type Pair, SIZES, stack, type Tensors, transposed, writePair } from "./made-pair.js";
import { naiveFloat32 } from "./naive-experts.js";
import { normal, uniform } from "./random.js";
import type { HandMadeParameter } from "./write-nanotron.js";

export const MOE = { experts: 5, ffn: 24, shared: 40 };

export interface MoeOptions {
  readonly tp?: number;
  readonly interleaved?: boolean;
  readonly perToken?: number;
  readonly normalize?: boolean;
  /** Change the experts' order in Nanotron's stacks. */
  readonly order?: readonly number[];
}

/** @param fresh - gives a path where nothing is yet */
export function writeMoePair(fresh: () => string, options: MoeOptions): Pair {
  const { tp = 1, interleaved = false, perToken = 2, normalize = false } = options;
  const experts = drawExperts();
  const rearrange = (parameters: HandMadeParameter[]) => [
    ...parameters.filter(({ name }) => !name.includes(".mlp.")),
    ...Array.from({ length: SIZES.layers }, (_, layer) => sparseParameters(experts, layer, options)).flat(),
  ];
  const { huggingface, nanotron, tensors: dense } = writePair(fresh, { family: "qwen2", tp, interleaved, rearrange });
  const tensors: Tensors = new Map([...[...dense].filter(([name]) => !name.includes(".mlp.")), ...experts]);
  writeTensors(join(huggingface, "model.safetensors"), tensors);
  const sizes = { num_experts: MOE.experts, moe_intermediate_size: MOE.ffn, shared_expert_intermediate_size: MOE.shared };
  editJson(huggingface, "config.json", {
    architectures: ["Qwen2MoeForCausalLM"],
    model_type: "qwen2_moe",
    ...sizes,
    num_experts_per_tok: perToken,
    norm_topk_prob: normalize,
  });
  const moe = { ...sizes, top_k: perToken, layers: [-1], enable_shared_expert: true };
  writeFileSync(join(nanotron, "model_config.json"), JSON.stringify({ ...readJson(nanotron, "model_config.json"), moe_config: moe }));
  return { huggingface, nanotron, tensors };
}

function drawExperts(): Tensors {
  const draw = normal(uniform(11));
  const tensors: Tensors = new Map();
  const add = (name: string, rows: number, columns: number) => {
    const values = Float64Array.from({ length: rows * columns }, () => nearest(draw(1.5 / Math.sqrt(columns)), "BF16"));
    tensors.set(name, { dtype: "BF16", shape: [rows, columns], data: encode(values, "BF16") });
  };
  for (let layer = 0; layer < SIZES.layers; layer++) {
    const at = `model.layers.${layer}.mlp`;
    const gated = (name: string, ffn: number) => {
      add(`${name}.gate_proj.weight`, ffn, SIZES.hidden);
      add(`${name}.up_proj.weight`, ffn, SIZES.hidden);
      add(`${name}.down_proj.weight`, SIZES.hidden, ffn);
    };
    add(`${at}.gate.weight`, MOE.experts, SIZES.hidden);
    for (let expert = 0; expert < MOE.experts; expert++) gated(`${at}.experts.${expert}`, MOE.ffn);
    gated(`${at}.shared_expert`, MOE.shared);
    add(`${at}.shared_expert_gate.weight`, 1, SIZES.hidden);
  }
  return tensors;
}

function sparseParameters(tensors: Tensors, layer: number, { order }: MoeOptions): HandMadeParameter[] {
  const [from, to] = [`model.layers.${layer}.mlp`, `model.decoder.${layer}.pp_block.mlp`];
  const get = (name: string) => tensors.get(`${from}.${name}.weight`) as RawTensor;
  const numbers = order ?? Array.from({ length: MOE.experts }, (_, expert) => expert);
  const router = get("gate");
  // Turned, gate's rows above up's are gate's columns before up's.
  const gateUp = numbers.map((expert) => transposed(stack([get(`experts.${expert}.gate_proj`), get(`experts.${expert}.up_proj`)])));
  const down = numbers.map((expert) => transposed(get(`experts.${expert}.down_proj`)));
  return [
    { name: `${to}.router.weight`, whole: { ...router, dtype: "F32", data: naiveFloat32(router) } },
    { name: `${to}.experts.merged_gate_up_proj`, whole: stacked(gateUp) },
    { name: `${to}.experts.merged_down_proj`, whole: stacked(down) },
    {
      name: `${to}.shared_expert.gate_up_proj.weight`,
      whole: stack([get("shared_expert.gate_proj"), get("shared_expert.up_proj")]),
      axis: 0,
      chunks: [MOE.shared, MOE.shared],
    },
    { name: `${to}.shared_expert.down_proj.weight`, whole: get("shared_expert.down_proj"), axis: 1 },
    { name: `${to}.shared_expert_gate.weight`, whole: get("shared_expert_gate") },
  ];
}

/** With an axis more in front. */
const stacked = (members: readonly RawTensor[]): RawTensor => ({
  dtype: "BF16",
  shape: [members.length, ...(members[0]?.shape ?? [])],
  data: Buffer.concat(members.map(({ data }) => data)),
});
