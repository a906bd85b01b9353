// The executors that there are, each against the same suite.

import { expect } from "chai";
import { describe, it } from "mocha";
import { cpuProvider } from "../../core/executor/cpu/provider.js";
import { FileStore } from "../../core/store/file-store.js";
import { deferringProvider } from "../helpers/deferring-executor.js";
import { Drawn, matrixOf } from "../helpers/drawn.js";
import { seed } from "../helpers/random.js";
import * as reference from "../helpers/reference-ops.js";
import { WeightFiles } from "../helpers/weight-files.js";
import { describeConformance } from "./conformance.js";

await describeConformance(cpuProvider);
await describeConformance(deferringProvider(cpuProvider));

describe("executor cpu, as the oracle of the others", () => {
  it("gives the float32 nearest to a float64 sum", async () => {
    const drawn = new Drawn(new WeightFiles(), seed);
    const executor = await cpuProvider.open(new FileStore());
    const [x, weight] = [drawn.matrix(33, 1000), drawn.matrix(130, 1000)];
    const found = await executor.read(
      await executor.linear(await drawn.put(executor, x), drawn.weight(weight, "F32"), { round: "none" }),
      0,
      x.rows,
    );
    const { values } = reference.linear(x, weight, undefined, "none");
    const nearest = found.filter((value, i) => value === Math.fround(values[i] as number)).length;
    expect(nearest / found.length).to.be.at.least(0.999);
    await executor.close();
    drawn.files.remove();
  });
});

describe("executor deferring", () => {
  it("runs nothing before a read", async () => {
    const drawn = new Drawn(new WeightFiles(), seed);
    const executor = await deferringProvider(cpuProvider).open(new FileStore());
    const x = await drawn.put(executor, matrixOf([1, 2]));
    drawn.files.remove();
    expect(x.shape).to.deep.equal([1, 2]);
    const failure = await executor.read(x, 0, 1).catch((error: unknown) => error);
    expect(failure).to.have.property("code", "STORAGE");
    await executor.close();
  });
});
