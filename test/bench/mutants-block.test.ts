// README's table of known faults: it names every fault of the catalogue, and counts what the trial would try now.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { catalogue, FAULT_NAMES } from "../helpers/faults/catalogue.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { blockIn, blockOf, type Results, withBlock } from "./mutants/block.js";
import { subjectsIn } from "./mutants/models.js";
import { CHECKS, checksOf, isMade } from "./mutants/trials.js";

const scratch = scratchFolder("mutants-block");
after(() => scratch.remove());

const readme = readFileSync(join(fixture("tiny-llama3"), "../../../README.md"), "utf8");
const block = blockIn(readme) ?? "";
const rows = block
  .split("\n")
  .filter((line) => /^\| F\d\d /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));
const column = (at: number): Record<string, string> => Object.fromEntries(rows.map((cells) => [cells[1], cells[at]]));

const subjects = subjectsIn(scratch);
const [bundled] = subjects;
const ids = Object.keys(FAULT_NAMES);
const formsOf = (id: string) => catalogue.filter((fault) => fault.id === id);
const places = subjects.flatMap((subject) => subject.targets.map((target) => ({ subject, target })));

describe("README's table of known faults", () => {
  it("has a row for each of F01 to F22, with its name and its forms", () => {
    expect(ids).to.deep.equal(Array.from({ length: 22 }, (_, at) => `F${String(at + 1).padStart(2, "0")}`));
    expect([...new Set(catalogue.map(({ id }) => id))]).to.deep.equal(ids);
    expect(column(2)).to.deep.equal(FAULT_NAMES);
    expect(column(3)).to.deep.equal(Object.fromEntries(ids.map((id) => [id, String(formsOf(id).length)])));
    expect(readme).to.include(`22 of them in ${catalogue.length} forms`);
  });

  for (const [at, check] of CHECKS.entries()) {
    it(`counts what ${check} would be tried on now, all of it caught`, () => {
      const tried = (id: string) =>
        formsOf(id).flatMap((fault) =>
          places.filter(({ subject, target }) => checksOf(fault, subject, target, subjects, "some").includes(check)),
        ).length;
      const expected = ids.map((id) => [id, tried(id) === 0 ? "–" : `${tried(id)}/${tried(id)}`]);
      expect(column(4 + at)).to.deep.equal(Object.fromEntries(expected));
    });
  }

  it("says of each how often the doctor named it in the bundled model", () => {
    const made = (id: string) =>
      formsOf(id).flatMap((fault) => bundled?.targets.filter((target) => isMade(fault, bundled, target)) ?? []).length;
    const of = Object.entries(column(8)).map(([id, cell]) => [id, Number(/^\d+\/(\d+)/.exec(cell)?.[1])]);
    expect(of).to.deep.equal(ids.map((id) => [id, made(id)]));
    const always = Object.values(column(8)).filter((cell) => /^(\d+)\/\1$/.test(cell)).length;
    expect(always).to.be.at.least(18);
    expect(block).to.include(`- Doctor: ${always} of 22 named in every form and place of the bundled model`);
  });

  it("sums up to what it says, with nothing wrong", () => {
    const counted = rows.flatMap((cells) => cells.slice(4, 8)).reduce((sum, cell) => sum + Number(/\/(\d+)$/.exec(cell)?.[1] ?? 0), 0);
    expect(block).to.include(`- ${counted} verdicts on faults, 0 wrong.`);
    expect(block).to.match(/\n- 520 right conversions of 260 random models, \d+ verdicts: 0 false alarms\./);
    expect(block).to.match(/; 0 times another name or none\. .* pairs of faults at once, 0 were given a fault's name that is not there\./);
  });

  it("is not counted where its forms say so", () => {
    for (const { id, elsewhere, unseen } of catalogue) {
      for (const note of [elsewhere, unseen]) if (note !== undefined) expect(column(9)[id]).to.include(note);
    }
  });
});

describe("the block in README", () => {
  const results: Results = {
    subjects: [{ name: "a model", targets: [{ name: "a target", to: "huggingface" }] }],
    gpu: "a GPU",
    rows: [
      {
        fault: { id: "F06", title: "gate and up swapped", appliesTo: () => true, inject: () => undefined, elsewhere: "one: none" },
        tallies: {
          parameters: { caught: 3, of: 3, refused: 0, margin: 1 },
          exact: { caught: 1, of: 2, refused: 0, margin: 1 },
          framework: { caught: 0, of: 0, refused: 0, margin: 1 },
          webgpu: { caught: 1, of: 1, refused: 0, margin: 1 },
        },
        survivors: ["exact: a model, a target"],
      },
    ],
    alarms: { conversions: 2, verdicts: 4, alarms: ["one"], models: 1 },
    smallest: [{ tensor: "model.norm.weight", rms: 2, change: 0.002 }],
    named: {
      bundled: [{ id: "F06", of: 2, named: 1, ambiguous: 1, others: ["F11"], failures: [] }],
      all: [{ id: "F06", of: 2, named: 0, ambiguous: 1, others: ["F11"], failures: ["somewhere"] }],
    },
    falseNames: { conversions: 5, damages: 6, composites: 7, found: ["a place"] },
    taken: "Taken at once.",
  };

  it("shows what was missed, and does not round it up", () => {
    const lines = blockOf(results).split("\n");
    expect(lines[2]).to.equal("| F06 | gate and up swapped | 1 | 3/3 | 1/2 | – | 1/1 | 1/2, else it or F11 | one: none |");
    expect(lines[4]).to.match(/^- 6 verdicts on faults, 1 wrong\. In a model \(a target\)\. The WebGPU executor on a GPU,/);
    expect(lines[5]).to.equal("- 2 right conversions of 1 random models, 4 verdicts: 1 false alarms.");
    expect(lines[6]).to.include("norm 1.0e-3");
    expect(lines[7]).to.equal(
      "- Doctor: 0 of 1 named in every form and place of the bundled model, 0 of 1 in every model; 1 times another name or none. Of 5 right conversions, 6 damages that are in no catalogue and 7 pairs of faults at once, 1 were given a fault's name that is not there.",
    );
  });

  it("replaces what is between its marks, and nothing else", () => {
    const text = "before\n<!-- npm run mutants -- --write -->\nold\n<!-- end -->\nafter\n";
    expect(withBlock(text, "new")).to.equal("before\n<!-- npm run mutants -- --write -->\nnew\n<!-- end -->\nafter\n");
    expect(() => withBlock("before", "new")).to.throw("expected <!-- npm run mutants -- --write -->");
  });
});
