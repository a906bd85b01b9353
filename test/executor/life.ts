// How tensors live: opaque, released, of one executor only; and what happens when a file is not there.

import { expect } from "chai";
import { it } from "mocha";
import type { ExecutorProvider } from "../../core/executor/executor.js";
import { FileStore } from "../../core/store/file-store.js";
import { matrixOf } from "../helpers/drawn.js";
import type { Bench } from "./conformance.js";
import { expectRefusal } from "./conformance.js";

const RELEASED = /tensor \[1, 2\] was used after its release/;
const FOREIGN = /tensor \[1, 2\] is of another executor/;

export function lifeTests({ executor, drawn }: Bench, provider: ExecutorProvider): void {
  it("shows only a tensor's shape", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 2]));
    expect(Reflect.ownKeys(x)).to.deep.equal(["shape"]);
    expect(() => {
      (x.shape as [number, number])[0] = 3;
    }).to.throw(TypeError);
  });

  it("refuses a released tensor in ops and reads, and lets a second release pass", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 2]));
    executor().release(x);
    executor().release(x);
    await expectRefusal(executor().add(x, x, "none"), "EXECUTOR", RELEASED);
    await expectRefusal(executor().read(x, 0, 1), "EXECUTOR", RELEASED);
  });

  it("keeps what was made from a tensor when that is released at once", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 2]));
    const sum = await executor().add(x, x, "none");
    const joined = await executor().joinColumns([sum, x, sum]);
    executor().release(x, sum);
    expect(Array.from(await executor().read(joined, 0, 1))).to.deep.equal([2, 4, 1, 2, 2, 4]);
    expect(Array.from(await executor().read(joined, 0, 1))).to.deep.equal([2, 4, 1, 2, 2, 4]);
  });

  it("finishes a read of a tensor that is released meanwhile", async () => {
    const [x, y] = [await drawn.put(executor(), matrixOf([1, 2])), await drawn.put(executor(), matrixOf([1, 5]))];
    const sum = await executor().add(x, y, "none");
    const [reading, comparing] = [executor().read(sum, 0, 1), executor().difference(sum, x)];
    executor().release(x, y, sum);
    expect([...(await reading), (await comparing).maxAbs]).to.deep.equal([2, 7, 5]);
  });

  it("runs ops that were asked for together", async () => {
    const [x, y] = [drawn.matrix(7, 33, "BF16"), drawn.matrix(9, 33, "BF16")];
    const tensor = await drawn.put(executor(), x);
    const weight = drawn.weight(y, "BF16");
    const products = await Promise.all(Array.from({ length: 20 }, () => executor().linear(tensor, weight, { round: "none" })));
    for (const product of products) {
      const { bitEqual, numElements } = await executor().difference(products[0] as typeof tensor, product);
      expect(bitEqual).to.equal(numElements);
    }
  });

  it("refuses another executor's tensors, and everything once closed", async () => {
    const other = await provider.open(new FileStore());
    const x = await drawn.put(other, matrixOf([1, 2]));
    await expectRefusal(executor().add(x, x, "none"), "EXECUTOR", FOREIGN);
    expect(() => executor().release(x)).to.throw(FOREIGN);
    await other.close();
    await expectRefusal(other.read(x, 0, 1), "EXECUTOR", /executor was closed/);
    await expectRefusal(drawn.put(other, matrixOf([1, 2])), "EXECUTOR", /executor was closed/);
  });

  it("meets a missing or short file at the op or at the read, and goes on after it", async () => {
    const x = await drawn.put(executor(), matrixOf([1, 2]));
    const weight = drawn.weight(drawn.matrix(3, 2, "F32"), "F32");
    const product = async (broken: typeof weight) => executor().read(await executor().linear(x, broken, { round: "none" }), 0, 1);
    await expectRefusal(product({ ...weight, file: `${weight.file}.gone` }), "STORAGE", /cannot open/);
    await expectRefusal(product({ ...weight, byteOffset: weight.byteOffset + 4 }), "STORAGE", /expected \d+ bytes/);
    expect((await product(weight)).length).to.equal(3);
  });
}
