// Lanes and tiles against the plan's own meaning, byte by byte: with limits so small that everything is cut.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { describe, it } from "mocha";
import { createContext } from "../../core/compose.js";
import { prepare } from "../../core/engine/prepare.js";
import { gather } from "../../core/lanes/gather.js";
import { lanesOf } from "../../core/lanes/lanes.js";
import { type Span, type TileLimits, tilesOf } from "../../core/lanes/tiles.js";
import type { Plan, Segment } from "../../core/plan/plan.js";
import { castRun } from "../../core/tensor/cast.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { fixture } from "../helpers/folders.js";
import { writeRandomLlama } from "../helpers/random-llama.js";

/** What a segment says, run by run. */
function* runs({ source, target, byteLength, loops }: Segment): Generator<{ from: number; to: number; byteLength: number }> {
  const [outer = { count: 1, sourceStride: 0, targetStride: 0 }, inner = { count: 1, sourceStride: 0, targetStride: 0 }] = loops;
  for (let i = 0; i < outer.count; i++) {
    for (let j = 0; j < inner.count; j++) {
      yield {
        from: source.byteOffset + i * outer.sourceStride + j * inner.sourceStride,
        to: target.byteOffset + i * outer.targetStride + j * inner.targetStride,
        byteLength,
      };
    }
  }
}

interface Written {
  readonly files: Uint8Array[];
  /** How often each byte was written. */
  readonly times: Uint8Array[];
}

const empty = ({ targets }: Plan): Written => ({
  files: targets.map(({ byteLength }) => new Uint8Array(byteLength)),
  times: targets.map(({ byteLength }) => new Uint8Array(byteLength)),
});

function write({ files, times }: Written, { file, byteOffset, byteLength }: Span, bytes: Uint8Array): void {
  files[file]?.set(bytes, byteOffset);
  const counts = times[file]?.subarray(byteOffset, byteOffset + byteLength) ?? new Uint8Array();
  for (const at of counts.keys()) counts[at] = (counts[at] ?? 0) + 1;
}

function byRuns(plan: Plan, sources: readonly Uint8Array[]): Written {
  const written = empty(plan);
  for (const segment of plan.segments) {
    for (const { from, to, byteLength } of runs(segment)) {
      const bytes = sources[segment.source.file]?.subarray(from, from + byteLength) ?? new Uint8Array();
      const { cast } = segment;
      const put = cast === undefined ? bytes : castRun(bytes, cast.from, cast.to);
      write(written, { file: segment.target.file, byteOffset: to, byteLength: put.byteLength }, put);
    }
  }
  return written;
}

const lengthOf = (spans: readonly Span[]): number => spans.reduce((sum, { byteLength }) => sum + byteLength, 0);

function byTiles(plan: Plan, sources: readonly Uint8Array[], laneBytes: number, limits: TileLimits): Written {
  const written = empty(plan);
  for (const lane of lanesOf(plan.segments, laneBytes)) {
    for (const tile of tilesOf(lane, limits)) {
      const read = Buffer.concat(
        tile.reads.map(
          ({ file, byteOffset, byteLength }) => sources[file]?.subarray(byteOffset, byteOffset + byteLength) ?? new Uint8Array(),
        ),
      );
      expect(Math.max(read.byteLength, lengthOf(tile.writes)), "bytes of a tile").to.be.at.most(limits.most);
      const into = tile.copies.length === 0 ? read : new Uint8Array(lengthOf(tile.writes));
      if (into !== read) gather(tile, read, into, "");
      let end = 0;
      for (const span of tile.writes) {
        end += span.byteLength;
        write(written, span, into.subarray(end - span.byteLength, end));
      }
    }
  }
  return written;
}

const size = (max: number) => fc.integer({ min: 1, max });
const cases = fc.record({
  tp: fc.constantFrom(1, 2, 4),
  tp2: fc.constantFrom(1, 2, 4),
  interleaved: fc.boolean(),
  interleaved2: fc.boolean(),
  groups: size(2),
  kv: size(2),
  half: size(3),
  ffn: size(4),
  vocab: size(4),
  layers: size(2),
  laneBytes: fc.constantFrom(64, 256, 4096, 1 << 20),
  usual: fc.constantFrom(64, 128, 512, 1 << 16),
});

describe("lanes and tiles", () => {
  it("write every byte once, and where the segments say, however small they are cut", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ tp, tp2, interleaved, interleaved2, groups, kv, half, ffn, vocab, layers, laneBytes, usual }) => {
        const [kvHeads, headDim] = [4 * kv, 2 * half];
        const heads = kvHeads * groups;
        const store = new MemoryStore();
        const model = { hidden: heads * headDim, heads, kvHeads, headDim, ffn: 4 * ffn, vocab: 4 * vocab, layers, tied: false };
        await writeRandomLlama(store, "/source", model, "BF16", 7);
        const context = createContext({ store });
        const first = await prepare(context, "/source", { to: "nanotron", tp, ropeInterleaved: interleaved });
        const sources = first.plan.sources.map(({ path }) => store.files.get(path) ?? new Uint8Array());
        const limits = { plain: usual, usual, most: Math.max(2048, 4 * usual) };
        expectSame(first.plan, sources, laneBytes, limits);
        // From one topology to another: a Nanotron side on either hand, in files that never existed.
        const middle = byRuns(first.plan, sources).files;
        for (const [file, { header, path }] of first.files.entries()) {
          middle[file]?.set(header);
          store.files.set(`/there/${path}`, middle[file] ?? new Uint8Array());
        }
        const documents = first.target.documents({
          architecture: first.source.architecture,
          arrangement: first.arrangement,
          files: first.files,
          version: first.version,
          settings: first.settings,
          source: first.source.checkpoint,
          carried: first.carried,
          runtimeRoot: "/there",
        });
        for (const { path, text } of documents) store.files.set(`/there/${path}`, new TextEncoder().encode(text));
        for (const options of [{ to: "nanotron", tp: tp2, ropeInterleaved: interleaved2 }, { to: "huggingface" }] as const) {
          const second = await prepare(context, "/there", options);
          const from = second.plan.sources.map(({ path }) => store.files.get(path) ?? new Uint8Array());
          expectSame(second.plan, from, laneBytes, limits);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("lanes and tiles of turned and stacked matrices", () => {
  const source = fixture("transformers/qwen2-moe");
  const small = { plain: 256, usual: 256 };
  // A row of an expert's matrix has 96 or 128 bytes, and with its neighbours' as many between.
  for (const most of [4, 640, 1 << 20])
    for (const dtype of [undefined, "F32"] as const)
      for (const laneBytes of [512, 1 << 20])
        it(`at most ${most} bytes a tile, lanes of ${laneBytes}${dtype === undefined ? "" : `, cast to ${dtype}`}`, async () => {
          const context = createContext();
          const { plan } = await prepare(context, source, { to: "nanotron", tp: 2, ...(dtype === undefined ? {} : { dtype }) });
          const turned = plan.segments.filter(({ target }) => plan.targets[target.file]?.path.includes("/experts/"));
          expect(turned).to.have.length(3 * 8 * 3);
          const sources = plan.sources.map(({ path }) => readFileSync(path));
          expectSame({ ...plan, segments: turned }, sources, laneBytes, { ...small, most });
        });
});

function expectSame(plan: Plan, sources: readonly Uint8Array[], laneBytes: number, limits: TileLimits): void {
  const [expected, found] = [byRuns(plan, sources), byTiles(plan, sources, laneBytes, limits)];
  expected.times.forEach((times, file) => {
    expect(Buffer.compare(found.times[file] ?? new Uint8Array(), times), `times written, file ${file}`).to.equal(0);
  });
  expected.files.forEach((bytes, file) => {
    expect(Buffer.compare(found.files[file] ?? new Uint8Array(), bytes), `bytes of file ${file}`).to.equal(0);
  });
}
