import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createContext } from "../../core/compose.js";
import { type Prepared, prepare } from "../../core/engine/prepare.js";
import { createEngine, PlanError } from "../../core/index.js";
import { HuggingFaceLayout } from "../../core/layout/huggingface/layout.js";
import { NanotronLayout } from "../../core/layout/nanotron/layout.js";
import { prove } from "../../core/plan/check.js";
import type { Segment } from "../../core/plan/plan.js";
import { writeSparseModel } from "../helpers/sparse-model.js";

const context = createContext();
const engine = createEngine();
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-proof-"));
after(() => rmSync(scratch, { recursive: true }));

describe("the proof refuses a plan with", () => {
  let prepared: Prepared;
  before(async () => {
    prepared = await prepare(context, fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), {
      to: "nanotron",
      tp: 2,
      ropeInterleaved: true,
    });
  });

  const proveWith = (segments: readonly Segment[]) => {
    const {
      plan,
      source: { architecture },
      arrangement,
    } = prepared;
    prove(
      { ...plan, segments },
      architecture,
      new HuggingFaceLayout().reference(architecture),
      new NanotronLayout().reference(architecture, arrangement),
    );
  };
  const codeOf = (segments: readonly Segment[]): string => {
    try {
      proveWith(segments);
    } catch (error) {
      if (error instanceof PlanError) return error.code;
      throw error;
    }
    return "proven";
  };
  const mutateEach = (mutate: (segment: Segment, index: number) => Segment[]): string[] =>
    prepared.plan.segments.map((_, at) =>
      codeOf(prepared.plan.segments.flatMap((segment, index) => (index === at ? mutate(segment, index) : [segment]))),
    );

  it("nothing wrong: no", () => expect(codeOf(prepared.plan.segments)).to.equal("proven"));
  it("one segment dropped, whichever it is", () => expect(new Set(mutateEach(() => []))).to.deep.equal(new Set(["PLAN_GAP"])));
  it("one segment doubled, whichever it is", () =>
    expect(new Set(mutateEach((segment) => [segment, segment]))).to.deep.equal(new Set(["PLAN_OVERLAP"])));

  it("one segment shifted by one row in the target, whichever it is", () => {
    const rowBytes = 256; // hidden 128, BF16
    const codes = mutateEach((segment) => [
      { ...segment, target: { ...segment.target, byteOffset: segment.target.byteOffset + rowBytes } },
    ]);
    for (const code of codes) expect(code).to.be.oneOf(["PLAN_MISPLACED", "PLAN_WRONG_TENSOR"]);
    expect(codes).to.include("PLAN_MISPLACED");
  });

  it("one segment pointed at another tensor of the same shape", () => {
    const { sources, segments } = prepared.plan;
    const startOf = (name: string) =>
      sources.flatMap(({ tensors }, file) =>
        tensors.filter((tensor) => tensor.name === name).map(({ byteStart }) => ({ file, byteOffset: byteStart })),
      )[0];
    const gate = startOf("model.layers.0.mlp.gate_proj.weight");
    const up = startOf("model.layers.0.mlp.up_proj.weight");
    const swapped = segments.map((segment) =>
      segment.source.file === gate?.file && segment.source.byteOffset === gate.byteOffset && up !== undefined
        ? { ...segment, source: up }
        : segment,
    );
    expect(swapped).to.not.deep.equal(segments);
    expect(codeOf(swapped)).to.equal("PLAN_WRONG_TENSOR");
  });
});

describe("the published models, from their headers", () => {
  const models = [
    ["llama3-8b", { hidden: 4096, ffn: 14336, layers: 32, heads: 32, kvHeads: 8, vocab: 128256 }, 4, 16060522496],
    ["llama3-70b", { hidden: 8192, ffn: 28672, layers: 80, heads: 64, kvHeads: 8, vocab: 128256 }, 30, 141107412992],
  ] as const;
  for (const [name, widths, shards, totalBytes] of models) {
    it(`${name}: has the published shards and size`, () => {
      expect(writeSparseModel(join(scratch, name), widths)).to.deep.equal({ shards, totalBytes });
    });
    for (const tp of [1, 2, 8])
      for (const pp of [1, 4])
        for (const ropeInterleaved of [false, true]) {
          it(`${name}, tp ${tp}, pp ${pp}${ropeInterleaved ? ", interleaved" : ""}: is matched, planned and proven`, async () => {
            const { plugin, plan, warnings } = await engine.plan(join(scratch, name), { to: "nanotron", tp, pp, ropeInterleaved });
            expect(plugin).to.equal(name);
            expect(warnings).to.deep.equal([]);
            expect(plan.targets.length).to.equal(3 + widths.layers * 2 - 2 + tp * (2 + 4 * widths.layers));
          });
        }
  }
});
