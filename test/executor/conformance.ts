// What every executor must do, as one suite: the table of ops, the reads, the refusals, the life of tensors.
// A new executor is one more call.

import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { WeighbridgeError } from "../../core/errors.js";
import type { Executor, ExecutorProvider } from "../../core/executor/executor.js";
import { FileStore } from "../../core/store/file-store.js";
import { Drawn } from "../helpers/drawn.js";
import { seed } from "../helpers/random.js";
import type { Reference } from "../helpers/reference-ops.js";
import { WeightFiles } from "../helpers/weight-files.js";
import { allCases, type Case } from "./cases.js";
import { lifeTests } from "./life.js";
import { notFiniteTests } from "./not-finite.js";
import { readTests } from "./reads.js";
import { refusals } from "./refusals.js";

/** Of all elements of a group whose results are rounded to bfloat16, those that have the reference's very bits. */
const LEAST_EQUAL = 0.99;

/** What the suites beside this one are given. */
export interface Bench {
  readonly executor: () => Executor;
  readonly drawn: Drawn;
}

/** Where an executor cannot run, its tests are shown as skipped, with its own reason. */
export async function describeConformance(provider: ExecutorProvider): Promise<void> {
  const reason = await provider.unavailable();
  const title = `executor ${provider.name}, seed ${seed}`;
  if (reason === undefined) describe(title, () => suite(provider));
  else describe.skip(`${title}: skipped, ${reason}`, () => suite(provider));
}

function suite(provider: ExecutorProvider): void {
  const drawn = new Drawn(new WeightFiles(), seed);
  let executor: Executor;
  before(async () => {
    executor = await provider.open(new FileStore());
  });
  after(async () => {
    await executor?.close();
    drawn.files.remove();
  });
  const cases = allCases(drawn);
  for (const group of new Set(cases.map((each) => each.group))) {
    it(group, () =>
      runGroup(
        executor,
        cases.filter((each) => each.group === group),
      ),
    );
  }
  const bench: Bench = { executor: () => executor, drawn };
  readTests(bench);
  notFiniteTests(bench);
  refusals(bench);
  lifeTests(bench, provider);
}

async function runGroup(executor: Executor, cases: readonly Case[]): Promise<void> {
  let [equal, total] = [0, 0];
  for (const { title, round, run, expected } of cases) {
    const tensor = await run(executor);
    const reference = expected();
    expect(tensor.shape, title).to.deep.equal([reference.rows, reference.columns]);
    const found = await executor.read(tensor, 0, reference.rows);
    executor.release(tensor);
    expectWithinBounds(title, found, reference);
    if (round === "none") continue;
    for (let i = 0; i < found.length; i++) if (found[i] === reference.values[i]) equal++;
    total += found.length;
  }
  expect(total === 0 ? 1 : equal / total, "share of equal bits").to.be.at.least(LEAST_EQUAL);
}

function expectWithinBounds(title: string, found: Float32Array, { values, bounds, columns }: Reference): void {
  expect(found.length, title).to.equal(values.length);
  for (let i = 0; i < found.length; i++) {
    const [value, bound] = [values[i] as number, bounds[i] as number];
    if (Math.abs((found[i] as number) - value) <= bound) continue;
    expect.fail(`${title}: element [${Math.floor(i / columns)}, ${i % columns}]: expected ${value} ± ${bound}, found ${found[i]}`);
  }
}

/** The promise must reject with one of the closed set of errors, in one line. */
export async function expectRefusal(pending: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await pending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(WeighbridgeError);
  const found = error as WeighbridgeError;
  expect({ code: found.code, lines: found.message.split("\n").length }).to.deep.equal({ code, lines: 1 });
  expect(found.message).to.match(message);
}
