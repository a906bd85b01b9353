// F17: weights in another dtype than the original's, by a cast that nobody asked for or by a header that says so.

import type { Case } from "./case.js";
import { type Account, CONVERT_AGAIN, type WholeHypothesis } from "./hypothesis.js";
import { sameBytes } from "./rows.js";

const fix = `if another dtype is not wanted, ${CONVERT_AGAIN}, and without --dtype`;

/** Which dtypes, told once for all tensors. */
function dtypesOf({ tensors }: Case, names: readonly string[]): string {
  const pairs = names.map((name) => {
    const { a, b } = tensors.dtypesOf(name);
    return `${a} in A and ${b} in B`;
  });
  return [...new Set(pairs)].join("; ");
}

async function relabelled({ tensors, parameters }: Case): Promise<string[]> {
  const names: string[] = [];
  for (const name of parameters.different) {
    const dtypes = tensors.dtypesOf(name);
    if (dtypes.a === dtypes.b) continue;
    const [a, b] = [await tensors.ofAStored(name), await tensors.ofB(name)];
    if (a !== undefined && b !== undefined && sameBytes(a.bytes, b.bytes)) names.push(name);
  }
  return names;
}

const silentCast: WholeHypothesis = {
  fault: "F17",
  name: "dtype changed silently",
  async explains(found) {
    const { otherDtype, rounded } = found.parameters;
    const accounts: Account[] = [];
    const cast = [...otherDtype, ...rounded];
    if (cast.length > 0) {
      const values = rounded.length === 0 ? "the values are equal" : "the values were rounded";
      accounts.push({ statement: `the weights are ${dtypesOf(found, cast)}; ${values}`, fix, tensors: cast, settings: [] });
    }
    const names = await relabelled(found);
    if (names.length > 0) {
      const statement = `B has A's bytes under another dtype's name: ${dtypesOf(found, names)}`;
      accounts.push({ statement, fix: `correct the dtype in the file headers, or ${CONVERT_AGAIN}`, tensors: names, settings: [] });
    }
    return accounts;
  },
};

export const dtypeHypotheses: readonly WholeHypothesis[] = [silentCast];
