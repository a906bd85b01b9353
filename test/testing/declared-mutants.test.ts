// Mutants of what a plugin declares beside its mapping: costs, ignored tensors, published values.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { type ArchitectureCases, ArchitectureTester, type ValidCase } from "../../core/testing/architecture-tester.js";
import { scratchFolder } from "../helpers/folders.js";
import { costs, familyConfig, mapping, model, writeFamily } from "../helpers/kit-cases.js";

const scratch = scratchFolder("declared");
after(scratch.remove);

const MUTANTS = "every mutant of the plugin is noticed: ";
const odd: ValidCase = { name: "odd", config: familyConfig("odd"), mapping, costs };

async function problemsOf(edit: (yaml: string) => string, ...valid: ArchitectureCases["valid"]): Promise<readonly string[]> {
  return (await new ArchitectureTester().test(writeFamily(scratch.fresh(), "odd", edit), { valid })).problems;
}

describe("the kit, on the costs of blocks", () => {
  const costly = (cost: string) => (yaml: string) => yaml.replace("count: layers }\n", `count: layers }\n    cost: ${cost}\n`);

  it("a wrong one is said against the case's own", async () => {
    const [first] = await problemsOf(costly("[[2, heads, hidden]]"), { ...odd, costs: { decoder: 384 } });
    expect(first).to.equal("odd: is matched, and proven at every topology: costs: the case expects decoder 384, found decoder 256");
  });
  it("a right one is tried with others, and none lives", async () => {
    expect(await problemsOf(costly("[[3, heads, hidden]]"), { ...odd, costs: { decoder: 384 } })).to.deep.equal([]);
  });
  it("asks for them where no case has any", async () => {
    const { costs: _, ...unsaid } = odd;
    const problems = await problemsOf(costly("[[3, heads, hidden]]"), unsaid);
    expect(problems).to.include(`${MUTANTS}mutant not noticed: cost of decoder: 3 · heads · hidden with 4 for 3 (no case says the costs)`);
    expect(problems).to.include(`${MUTANTS}mutant not noticed: one block without parameters more (no case says the costs)`);
  });
});

describe("the kit, on ignored tensors", () => {
  const ignoring = (tensor: string) => (yaml: string) => `${yaml}ignore: [{ tensor: ${tensor}, because: computed }]\n`;

  it("asks for a case that stores one", async () => {
    expect(await problemsOf(ignoring("freq"), odd)).to.deep.equal([
      `${MUTANTS}mutant not noticed: freq not ignored (no case has it among its \`stored\` tensors)`,
    ]);
    expect(await problemsOf(ignoring("freq"), { ...odd, stored: ["freq"] })).to.deep.equal([]);
  });
  it("a stored tensor that is not ignored is refused", async () => {
    const [first] = await problemsOf(ignoring("freq"), { ...odd, stored: ["frequencies"] });
    expect(first).to.match(/^odd: is matched, and proven at every topology: .*frequencies/);
  });
});

describe("the kit, on published values", () => {
  const member = "name: member\nextends: llama\nidentify: { settings: { hidden_size: 32 } }\n";

  async function outcomeOf(yaml: string): Promise<{ problems: readonly string[]; notes: readonly string[] }> {
    const folder = scratch.fresh();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "plugin.yaml"), yaml);
    return new ArchitectureTester().test(folder, { valid: [model] });
  }

  it("a wrong one is a warning, which no published model may give", async () => {
    const { problems } = await outcomeOf(`${member}expect: { rms_norm_eps: 1.0e-5 }\n`);
    expect(problems[0]).to.match(
      /^small: is matched, and proven at every topology: .*rms_norm_eps: member expects 0.00001, found 0.000001$/,
    );
  });
  it("each own one is tried with another value, and those of the family are not", async () => {
    const count = async (yaml: string) => Number(/^(\d+) mutants noticed$/.exec((await outcomeOf(yaml)).notes[0] ?? "")?.[1]);
    const [one, three] = [await count(member), await count(`${member}rope: { theta: 10000.0 }\nexpect: { vocab_size: 40 }\n`)];
    expect(three - one).to.equal(2);
  });
});
