// Values that are not finite stay where the op's definition puts them.

import { expect } from "chai";
import { it } from "mocha";
import type { Bench } from "./conformance.js";

export function notFiniteTests({ executor, drawn }: Bench): void {
  it("attention lets no query see a later token, not even one of NaN or infinity", async () => {
    const [rows, headDim, spoilt] = [70, 16, 40];
    const options = { heads: 1, kvHeads: 1, headDim, scale: 0.25, kind: "fused", round: "none" } as const;
    const [q, k] = [drawn.matrix(rows, headDim), drawn.matrix(rows, headDim)];
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const which of ["k", "v"] as const) {
        const other = drawn.matrix(rows, headDim);
        other.values[spoilt * headDim + 3] = value;
        const [keys, values] = which === "k" ? [other, k] : [k, other];
        const [a, b, c] = [await drawn.put(executor(), q), await drawn.put(executor(), keys), await drawn.put(executor(), values)];
        const found = await executor().read(await executor().attention(a, b, c, options), 0, rows);
        const firstSpoilt = found.findIndex((each) => !Number.isFinite(each));
        expect(Math.floor(firstSpoilt / headDim), `${value} in ${which}`).to.be.at.least(spoilt);
      }
    }
  });
}
