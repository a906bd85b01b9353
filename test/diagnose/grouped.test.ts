// The doctor on a model whose q, k and v are laid out group by group, where that is right and all else is the fault.

import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine, type DoctorReport } from "../../core/index.js";
import { editJson, scratchFolder } from "../helpers/folders.js";
import { SIZES, writeStarcoder2 } from "../helpers/made-starcoder2.js";
import type { GroupedRow } from "../helpers/naive-grouped.js";

const engine = createEngine();
const scratch = scratchFolder("doctor-grouped");
after(scratch.remove);

const diagnosed = async (order: (rows: GroupedRow[]) => GroupedRow[], tp = 1): Promise<string[]> => {
  const { huggingface, nanotron } = writeStarcoder2(scratch.fresh, { tp, order });
  const { explanations }: DoctorReport = await engine.doctor(huggingface, nanotron, { checks: ["parameters"] });
  return explanations.map(({ fault, fix }) => `${fault}: ${fix}`);
};

const only = (rows: readonly GroupedRow[], tensor: GroupedRow["tensor"]) => rows.filter((row) => row.tensor === tensor);

describe("the doctor on a Starcoder2", () => {
  for (const tp of [1, 2])
    it(`all q, all k, all v (F05), TP ${tp}`, async () => {
      const found = await diagnosed((rows) => [...only(rows, "q"), ...only(rows, "k"), ...only(rows, "v")], tp);
      expect(found.length).to.equal(1);
      expect(found[0]).to.match(/^F05: lay out each group's q heads, k and v together, or convert the original again/);
    });

  it("k before q in each group (F04)", async () => {
    const perGroup = (rows: GroupedRow[]) => {
      const height = rows.length / SIZES.kvHeads;
      return Array.from({ length: SIZES.kvHeads }, (_, group) => rows.slice(group * height, (group + 1) * height));
    };
    const found = await diagnosed((rows) => perGroup(rows).flatMap((of) => [...only(of, "k"), ...only(of, "q"), ...only(of, "v")]));
    expect(found.map((line) => line.slice(0, 3))).to.deep.equal(["F04"]);
  });

  it("another epsilon (F18)", async () => {
    const { huggingface, nanotron } = writeStarcoder2(scratch.fresh, {});
    editJson(nanotron, "model_config.json", { layer_norm_epsilon: 1e-6 });
    const { explanations } = await engine.doctor(huggingface, nanotron, { checks: ["parameters"] });
    expect(explanations.map(({ fault }) => fault)).to.deep.equal(["F18"]);
  });
});
