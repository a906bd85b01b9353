// The reads: what leaves an executor, ties and NaN included.

import { expect } from "chai";
import { it } from "mocha";
import { matrixOf } from "../helpers/drawn.js";
import type { Matrix } from "../helpers/reference-ops.js";
import type { Bench } from "./conformance.js";

const rowOf = ({ values, columns }: Matrix, row: number): number[] => Array.from(values.subarray(row * columns, (row + 1) * columns));

const INFINITE = Number.NEGATIVE_INFINITY;

export function readTests({ executor, drawn }: Bench): void {
  it("read gives the named rows, as a copy", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 2], [3, 4], [5, 6]));
    const middle = await executor().read(x, 1, 1);
    middle[0] = 9;
    expect(Array.from(await executor().read(x, 1, 2))).to.deep.equal([3, 4, 5, 6]);
    expect(Array.from(await executor().read(x, 3, 0))).to.deep.equal([]);
  });

  it("argmax gives the first of equals", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 7, 7, 2], [-3, -4, -3, -5], [0, 0, 0, 0], [INFINITE, -9e30, INFINITE, INFINITE]));
    expect(Array.from(await executor().argmax(x))).to.deep.equal([1, 0, 0, 1]);
  });

  it("topK gives the largest first and equals by token", async () => {
    const logits = await drawn.put(executor(), matrixOf([9, 9, 9, 9, 9], [1, 5, 3, 5, 4]));
    const found = await executor().topK(logits, [1, 0, 1], 3);
    expect(found.map((row) => row.map(({ token }) => token))).to.deep.equal([
      [1, 3, 4],
      [0, 1, 2],
      [1, 3, 4],
    ]);
    expect(found[0]?.map(({ logit }) => logit)).to.deep.equal([5, 5, 4]);
    const total = Math.exp(1) + 2 * Math.exp(5) + Math.exp(3) + Math.exp(4);
    expect(found[0]?.[2]?.probability).to.be.closeTo(Math.exp(4) / total, 1e-5);
  });

  it("topK agrees with a full sort of a vocabulary with many ties", async () => {
    const drawnRow = drawn.matrix(1, 5003, "BF16", 8);
    const row = rowOf(drawnRow, 0);
    const sorted = row.map((_, token) => token).sort((a, b) => (row[b] as number) - (row[a] as number) || a - b);
    const logits = await drawn.put(executor(), drawnRow);
    for (const k of [1, 2, 10, 1000, 5003]) {
      const [found] = await executor().topK(logits, [0], k);
      expect(found?.map(({ token }) => token)).to.deep.equal(sorted.slice(0, k));
    }
  });

  it("difference counts equal bits and finds the largest distance", async () => {
    const a = await drawn.put(executor(), matrixOf([3, 4, 0], [1, -2, 0]));
    const b = await drawn.put(executor(), matrixOf([3, 4, -0], [1.5, 2, 0]));
    const { meanAbs, rmsA, rmsB, ...found } = await executor().difference(a, b);
    expect(found).to.deep.equal({ numElements: 6, bitEqual: 3, maxAbs: 4, row: 1, column: 1 });
    expect(meanAbs).to.be.closeTo(4.5 / 6, 1e-6);
    expect(rmsA).to.be.closeTo(Math.sqrt(30 / 6), 1e-6);
    expect(rmsB).to.be.closeTo(Math.sqrt(31.25 / 6), 1e-6);
  });

  it("difference lets no NaN pass, in either tensor and before or after a finite distance", async () => {
    const clean = await drawn.put(executor(), matrixOf([1, 2], [3, 4]));
    const spoilt = await drawn.put(executor(), matrixOf([0, 2], [Number.NaN, 9]));
    for (const pair of [
      [clean, spoilt],
      [spoilt, clean],
      [spoilt, spoilt],
    ] as const) {
      const { maxAbs, row, column } = await executor().difference(...pair);
      expect({ maxAbs, row, column }).to.deep.equal({ maxAbs: Number.NaN, row: 1, column: 0 });
    }
  });

  it("difference tells which of two tensors is not finite", async () => {
    const clean = await drawn.put(executor(), matrixOf([1, 2], [3e38, 4]));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, INFINITE]) {
      const spoilt = await drawn.put(executor(), matrixOf([1, 2], [value, 4]));
      const { rmsA, rmsB, maxAbs } = await executor().difference(spoilt, clean);
      expect([rmsA, rmsB, maxAbs].map(Number.isFinite)).to.deep.equal([false, true, false]);
      const { rmsA: first, rmsB: second } = await executor().difference(clean, spoilt);
      expect([first, second].map(Number.isFinite)).to.deep.equal([true, false]);
    }
  });

  it("divergence is the KL of the rows' softmax, and overflows nowhere", async () => {
    const [a, b] = [drawn.matrix(7, 130, "F32", 3), drawn.matrix(7, 130, "F32", 3)];
    const shifted = { ...a, values: a.values.map((value) => Math.fround(value + 1024)) };
    const naive = (p: Matrix, q: Matrix, row: number) => {
      const log = (matrix: Matrix) => {
        const values = rowOf(matrix, row);
        const max = Math.max(...values);
        const total = values.reduce((sum, value) => sum + Math.exp(value - max), 0);
        return values.map((value) => value - max - Math.log(total));
      };
      const [left, right] = [log(p), log(q)];
      return left.reduce((sum, value, i) => sum + Math.exp(value) * (value - (right[i] as number)), 0);
    };
    for (const p of [a, shifted]) {
      const found = await executor().divergence(await drawn.put(executor(), p), await drawn.put(executor(), b));
      // Float32 log-probabilities of size 10 are enough for an executor: 10 · 2^-24, a few times over.
      found.forEach((value, row) => expect(value).to.be.closeTo(naive(p, b, row), 1e-5));
    }
  });

  it("divergence counts an impossible token as nothing, and a forbidden one as infinite", async () => {
    const possible = await drawn.put(executor(), matrixOf([0, 0, INFINITE], [0, 0, 0]));
    const other = await drawn.put(executor(), matrixOf([0, 0, 0], [0, 0, INFINITE]));
    const found = await executor().divergence(possible, other);
    expect(found[0]).to.be.closeTo(Math.log(1.5), 1e-6);
    expect(found[1]).to.equal(Number.POSITIVE_INFINITY);
  });
}
