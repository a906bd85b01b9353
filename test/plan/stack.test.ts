// Stacked, transposed, joined experts and a float32 router: what is written against a mapping made index by index, and the proof.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createContext } from "../../core/compose.js";
import { prepare } from "../../core/engine/prepare.js";
import type { Prepared } from "../../core/engine/prepared.js";
import { createEngine, PlanError } from "../../core/index.js";
import { HuggingFaceLayout } from "../../core/layout/huggingface/layout.js";
import { NanotronLayout } from "../../core/layout/nanotron/layout.js";
import { prove } from "../../core/plan/check.js";
import type { Segment } from "../../core/plan/plan.js";
import { fixture, type RawTensor, readJson, readTensors, scratchFolder } from "../helpers/folders.js";
import { naiveDown, naiveFloat32, naiveGateUp } from "../helpers/naive-experts.js";

const SOURCE = fixture("transformers/qwen2-moe");
const SIZES = { experts: 8, hidden: 64, ffn: 48 };
const engine = createEngine();
const scratch = scratchFolder("stack");
after(scratch.remove);

const tensors = readTensors(join(SOURCE, "model.safetensors"));
const get = (name: string): RawTensor => tensors.get(name) as RawTensor;

describe("a stack of experts", () => {
  for (const [tp, ropeInterleaved] of [
    [1, false],
    [2, true],
  ] as const) {
    describe(`at TP ${tp}${ropeInterleaved ? ", interleaved" : ""}`, () => {
      const folder = scratch.fresh();
      before(() => engine.convert(SOURCE, folder, { to: "nanotron", tp, ropeInterleaved, verify: "parameters" }));
      const stored = (layer: number, ...path: string[]): RawTensor =>
        readTensors(join(folder, "model/model/decoder", String(layer), "pp_block/mlp", ...path)).get("data") as RawTensor;

      it("has each expert's gate and up turned, side by side", () => {
        for (const layer of [0, 2]) {
          const { shape, data } = stored(layer, "experts/model_merged_gate_up_proj.safetensors");
          expect(shape).to.deep.equal([8, 64, 96]);
          expect(data.equals(naiveGateUp(get, `model.layers.${layer}.mlp`, SIZES))).to.equal(true);
        }
      });

      it("has each expert's down turned", () => {
        const { shape, data } = stored(1, "experts/model_merged_down_proj.safetensors");
        expect(shape).to.deep.equal([8, 48, 64]);
        expect(data.equals(naiveDown(get, "model.layers.1.mlp", SIZES))).to.equal(true);
      });

      it("has the router in float32", () => {
        const { shape, dtype, data } = stored(1, "router/model_weight.safetensors");
        expect([dtype, ...shape]).to.deep.equal(["F32", 8, 64]);
        expect(data.equals(naiveFloat32(get("model.layers.1.mlp.gate.weight")))).to.equal(true);
      });

      it("comes back byte for byte in bfloat16, and with a float32 router unasked", async () => {
        const [asked, unasked] = [scratch.fresh(), scratch.fresh()];
        await engine.convert(folder, asked, { to: "huggingface", dtype: "BF16", verify: "parameters" });
        expect(readFileSync(join(asked, "model.safetensors")).equals(readFileSync(join(SOURCE, "model.safetensors")))).to.equal(true);
        const { warnings } = await engine.convert(folder, unasked, { to: "huggingface", verify: "parameters" });
        expect(warnings.join("\n")).to.include(
          "model.layers.0.mlp.gate.weight is F32, as 2 more are not BF16 either: transformers turns it into BF16",
        );
        const router = readTensors(join(unasked, "model.safetensors")).get("model.layers.1.mlp.gate.weight");
        expect(router?.data.equals(naiveFloat32(get("model.layers.1.mlp.gate.weight")))).to.equal(true);
      });
    });
  }

  it("from one TP and order to another has the same bytes as from the source", async () => {
    const [there, straight, around] = [scratch.fresh(), scratch.fresh(), scratch.fresh()];
    const to = { to: "nanotron", tp: 2, ropeInterleaved: true, verify: "none" } as const;
    await engine.convert(SOURCE, there, { to: "nanotron", verify: "none" });
    await engine.convert(there, around, to);
    await engine.convert(SOURCE, straight, to);
    const { verdict } = await engine.verify(straight, around, { checks: ["parameters"] });
    expect(verdict).to.equal("equal");
  });

  it("is equal to its source for verify, router and all, and so by content hashes", async () => {
    const there = scratch.fresh();
    await engine.convert(SOURCE, there, { to: "nanotron", verify: "none", hash: true });
    const { verdict, parameters } = await engine.verify(SOURCE, there, { checks: ["parameters"] });
    expect([verdict, parameters?.otherDtype]).to.deep.equal(["equal", []]);
    expect((await engine.verify(SOURCE, there, { checks: ["receipt"] })).verdict).to.equal("equal");
  });

  it("takes Nanotron's moe_config from the config's own keys, and gives them back", async () => {
    const [there, back] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(SOURCE, there, { to: "nanotron", verify: "none" });
    expect(readJson(there, "model_config.json").moe_config).to.deep.equal({
      num_experts: 8,
      top_k: 3,
      moe_intermediate_size: 48,
      shared_expert_intermediate_size: 96,
      router_aux_loss_coef: 0.001,
      layers: [0, 1, 2],
      enable_shared_expert: true,
      token_dispatcher_type: "alltoall",
    });
    await engine.convert(there, back, { to: "huggingface", dtype: "BF16", verify: "none" });
    const { num_experts, num_experts_per_tok, norm_topk_prob } = readJson(back, "config.json");
    expect([num_experts, num_experts_per_tok, norm_topk_prob]).to.deep.equal([8, 3, false]);
  });
});

describe("the proof of a stack refuses a plan with", () => {
  let prepared: Prepared;
  before(async () => {
    prepared = await prepare(createContext(), SOURCE, { to: "nanotron", tp: 2, ropeInterleaved: true });
  });

  /** Of the segments that lead into one stack, each in turn. */
  const codes = (file: string, mutate: (segment: Segment, next: Segment) => Segment[]): Set<string> => {
    const { plan, source, arrangement } = prepared;
    const { architecture } = source;
    const target = plan.targets.findIndex(({ path }) => path.endsWith(file));
    const into = plan.segments.filter((segment) => segment.target.file === target);
    expect(into.length).to.equal(file.includes("gate_up") ? 16 : 8);
    const [huggingface, nanotron] = [new HuggingFaceLayout(), new NanotronLayout()];
    return new Set(
      into.map((segment, at) => {
        const mutated = mutate(segment, into[(at + 1) % into.length] as Segment);
        const segments = plan.segments.flatMap((each) => (each === segment ? mutated : [each]));
        try {
          prove({ ...plan, segments }, architecture, huggingface.reference(architecture), nanotron.reference(architecture, arrangement));
          return "proven";
        } catch (error) {
          if (error instanceof PlanError) return error.code;
          throw error;
        }
      }),
    );
  };

  const GATE_UP = "experts/model_merged_gate_up_proj.safetensors";
  it("nothing wrong: no", () => expect(codes(GATE_UP, (segment) => [segment])).to.deep.equal(new Set(["proven"])));
  it("a member left out", () => expect(codes(GATE_UP, () => [])).to.deep.equal(new Set(["PLAN_GAP"])));
  it("a member that another's bytes go to", () =>
    expect(codes(GATE_UP, (segment, next) => [{ ...segment, source: next.source }])).to.deep.equal(new Set(["PLAN_WRONG_TENSOR"])));
  it("a member in another's place", () =>
    expect(codes(GATE_UP, (segment, next) => [{ ...segment, target: next.target }])).to.deep.equal(new Set(["PLAN_WRONG_TENSOR"])));
  it("a member that is not turned", () => {
    const straight = (segment: Segment): Segment[] => {
      const [along, down] = segment.loops;
      if (along === undefined || down === undefined) return [];
      return [
        {
          ...segment,
          loops: [
            { ...along, sourceStride: down.sourceStride },
            { ...down, sourceStride: along.sourceStride },
          ],
        },
      ];
    };
    expect(codes("experts/model_merged_down_proj.safetensors", straight)).to.deep.equal(new Set(["PLAN_MISPLACED"]));
  });
});
