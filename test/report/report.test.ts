// The report's text without a browser: what it is made of, escaped, and the commands that it gives.

import { execFileSync } from "node:child_process";
import { expect } from "chai";
import { before, describe, it } from "mocha";
import { createEngine, type VerifyReport } from "../../core/index.js";
import { commandsOf, quoted } from "../../core/report/commands.js";
import { breakable, html } from "../../core/report/html.js";
import { type Machine, renderReport } from "../../core/report/report.js";
import { inBrief } from "../../core/report/topology.js";
import { fixture } from "../helpers/folders.js";

const machine: Machine = {
  weighbridge: "0.1.0",
  node: "20.19.0",
  platform: "linux x64",
  processor: "a processor, 2 cores",
  memoryBytes: 2 ** 34,
  time: "2026-01-01T00:00:00.000Z",
};

describe("html", () => {
  it("escapes what is put into it, in texts and in attributes", () => {
    const name = `<b title="x" class='y'>&amp;`;
    expect(html`<i title="${name}">${name}</i>`.text).to.equal(
      '<i title="&lt;b title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;amp;">&lt;b title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;amp;</i>',
    );
  });
  it("takes its own results as they are, alone and in lists", () => {
    expect(html`${html`<i></i>`}${[html`<b>${1}</b>`, html`<b>${"<"}</b>`]}`.text).to.equal("<i></i><b>1</b><b>&lt;</b>");
  });
  it("shows characters that turn or hide others by their number", () => {
    expect(html`${"a\u202eb\u0000c\u200bd\te\n"}`.text).to.equal("a\\u{202e}b\\u{0}c\\u{200b}d\te\n");
  });
  it("breaks long names after dots, slashes and underlines, and not within an entity", () => {
    expect(breakable("a.b_<c").text).to.equal("a.<wbr>b_<wbr>&lt;c");
  });
});

describe("a report's commands", () => {
  for (const word of ["plain", "two words", "it's", '$HOME `id` \\ "x"', "line\nbreak", "tab\tand 'quote'\u0001", "é\n<|end|>"]) {
    it(`are read by a shell as they were meant: ${JSON.stringify(word)}`, () => {
      const said = execFileSync("bash", ["-c", `printf %s ${quoted(word)}`], {
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "C.UTF-8" },
      });
      expect(said).to.equal(word);
    });
  }
});

describe("a topology's blocks in brief", () => {
  it("runs of numbers are joined, gaps are not", () => {
    expect(inBrief(["embedding", "decoder.0", "decoder.1", "decoder.2", "decoder.4", "norm"])).to.equal(
      "embedding, decoder 0–2, decoder 4, norm",
    );
  });
});

describe("renderReport", () => {
  const [a, b] = [fixture("tiny-llama3"), fixture("golden/nanotron-tp2")];
  let verification: VerifyReport;
  before(async () => {
    verification = await createEngine().verify(a, b, { details: true, predictions: 12 });
  });
  const render = (changes: Partial<VerifyReport>, request = {}) =>
    renderReport({ verification: { ...verification, ...changes }, request, machine });

  it("names no address but those of XML's namespaces", () => {
    const addresses = render({}).match(/\b(?:https?:)?\/\/[\w.-]+\.\w+[^\s"<]*/g) ?? [];
    expect([...new Set(addresses)].filter((address) => !address.startsWith("http://www.w3.org/"))).to.deep.equal([]);
    expect(render({})).to.not.match(/\s(?:src|href|srcset|action)=/);
  });
  it("is the same text for the same input", () => {
    expect(render({})).to.equal(render({}));
  });
  it("without predictions says that none were compared, and draws no chart", () => {
    const text = render({ predictions: null });
    expect(text).to.include("Predictions were not compared.").and.not.include("<svg");
    expect(text).to.not.include("weighbridge predict");
  });
  it("without details leaves out what they are for", () => {
    expect(render({ details: null }))
      .to.not.include('id="parameters"')
      .and.not.include("<h2>Topology</h2>");
  });
  it("of models of other depths: each side has its own blocks, and long lists of names are cut", async () => {
    const shallow = fixture("golden/tied-huggingface");
    const other = await createEngine().verify(shallow, a, { details: true, checks: ["parameters"] });
    const text = renderReport({ verification: other, request: {}, machine });
    const strips = [...text.matchAll(/<p class="strip"[^>]*>(.*?)<\/p>/g)].map(([, strip = ""]) => (strip.match(/<i /g) ?? []).length);
    // Named are the embedding and three groups of three. Three layers with embedding, norm and a tied head in one file; four layers in three.
    expect(strips).to.deep.equal([6, 7, 7, 7]);
    expect(text).to.match(/<li>29 tensors with different values: .*, and 19 more\.<\/li>/);
  });
  it("takes distances that are no numbers", () => {
    const { predictions } = verification;
    if (predictions === null) throw new Error("predictions were compared");
    const broken = predictions.stages.map((stage) => ({ ...stage, distance: Number.NaN }));
    const nan = {
      ...predictions,
      stages: broken,
      maxAbs: Number.NaN,
      agree: false,
      distribution: { total: 4, zero: 0, notFinite: 4, bins: [] },
    };
    const text = render({ verdict: "different", predictions: { ...nan, kl: { mean: Number.NaN, max: Number.NaN } } });
    expect(text).to.include("4 differences are no numbers.").and.include("not a number");
    expect(text.match(/NaN|undefined|Infinity/)).to.equal(null);
  });
  it("gives the command that asked for it, with the ids that it read", () => {
    const { lines, input } = commandsOf(verification, {
      tokens: [1, 2, 3],
      numerics: "framework",
      positions: [0, 1],
      top: 3,
      plugin: "llama",
    });
    expect(lines[0]).to.equal(
      `weighbridge verify ${a} ${b} --plugin llama --tokens-file tokens.json --numerics framework --executor cpu --positions 0,1 --top 3 --report report.html`,
    );
    expect(input).to.deep.include({ name: "tokens.json", text: "[1,2,3]" });
  });
});
