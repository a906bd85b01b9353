import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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

  it("one segment pointed at another tensor, whichever it is", () => {
    const tensors = prepared.plan.sources.flatMap((source, file) => source.tensors.map((tensor) => ({ file, ...tensor })));
    const codes = mutateEach((segment) => {
      const { file, byteOffset } = segment.source;
      const own = tensors.find((tensor) => tensor.file === file && tensor.byteStart <= byteOffset && byteOffset < tensor.byteEnd);
      const other = tensors.find((tensor) => tensor.key !== own?.key && String(tensor.shape) === String(own?.shape));
      if (own === undefined || other === undefined) throw new Error("every tensor of this model has another of its shape");
      return [{ ...segment, source: { file: other.file, byteOffset: byteOffset - own.byteStart + other.byteStart } }];
    });
    expect(new Set(codes)).to.deep.equal(new Set(["PLAN_WRONG_TENSOR"]));
  });

  it("the targets of two segments exchanged, though every byte is then still written once", () => {
    const { segments } = prepared.plan;
    const forms = segments.map(({ byteLength, loops }) => JSON.stringify([byteLength, loops]));
    const pairs = segments.flatMap((_, at) => {
      const twin = forms.indexOf(forms[at] as string, at + 1);
      return twin < 0 ? [] : [[at, twin] as const];
    });
    expect(pairs.length).to.be.greaterThan(20);
    for (const [a, b] of pairs) {
      const exchanged = segments.map((segment, at) =>
        at === a || at === b ? { ...segment, target: (segments[at === a ? b : a] as Segment).target } : segment,
      );
      expect(codeOf(exchanged)).to.be.oneOf(["PLAN_MISPLACED", "PLAN_WRONG_TENSOR"]);
    }
  });

  it("the halves of a run exchanged, whichever run it is", () => {
    const codes = mutateEach((segment) => {
      const half = segment.byteLength / 2;
      const { source, target } = segment;
      if (half % 2 !== 0) throw new Error("every run of this plan has an even number of elements");
      return [
        { ...segment, byteLength: half, target: { ...target, byteOffset: target.byteOffset + half } },
        { ...segment, byteLength: half, source: { ...source, byteOffset: source.byteOffset + half } },
      ];
    });
    for (const code of codes) expect(code).to.be.oneOf(["PLAN_MISPLACED", "PLAN_WRONG_TENSOR"]);
  });

  it("the source strides of its two loops crossed, whichever segment has two", () => {
    const looped = prepared.plan.segments.filter(({ loops }) => loops.length === 2 && loops[0]?.count !== loops[1]?.count);
    expect(looped.length).to.be.greaterThan(5);
    const codes = mutateEach((segment) => {
      const [outer, inner] = segment.loops;
      if (outer === undefined || inner === undefined || outer.count === inner.count) return [segment];
      const crossed = [
        { ...outer, sourceStride: inner.sourceStride },
        { ...inner, sourceStride: outer.sourceStride },
      ];
      return [{ ...segment, loops: crossed }];
    });
    expect(new Set(codes)).to.include("proven"); // segments without two loops are as they were
    expect(codes.filter((code) => code !== "proven").length).to.equal(
      prepared.plan.segments.filter(({ loops }) => loops.length === 2 && loops[0]?.count !== loops[1]?.count).length,
    );
  });
});

describe("the proof of a cast refuses", () => {
  const source = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")); // BF16
  const mutants: [string, Segment["cast"]][] = [
    ["the bytes of one dtype taken for another of equal size", undefined],
    ["a cast from what the source does not hold", { from: "F16", to: "F16" }],
    ["a cast to what the target does not declare", { from: "BF16", to: "BF16" }],
  ];
  for (const [what, cast] of mutants)
    it(what, async () => {
      const { plan, source: model, target, arrangement } = await prepare(context, source, { to: "nanotron", dtype: "F16" });
      const references = [
        model.layout.reference(model.architecture, model.arrangement),
        target.reference(model.architecture, arrangement),
      ] as const;
      const segments = plan.segments.map((segment, at) => {
        const { cast: _cast, ...uncast } = segment;
        return at !== 7 ? segment : cast === undefined ? uncast : { ...uncast, cast };
      });
      expect(() => prove(plan, model.architecture, ...references)).not.to.throw();
      expect(() => prove({ ...plan, segments }, model.architecture, ...references)).to.throw(PlanError, /^segment 7 reads .* BF16 to F16$/);
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
