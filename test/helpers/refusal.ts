// What must be refused: with one line, the right exit code, and not a trace of it on disk.

import { expect } from "chai";
import { UsageError, WeighbridgeError } from "../../core/index.js";
import { type Outcome, run } from "./command.js";
import { contents } from "./folders.js";

export interface Refusal {
  readonly code: 1 | 2;
  /** Parts of the line: what, where, expected, found, what to do. */
  readonly says: readonly string[];
}

/** The same of a call of the library; code 2 is a UsageError's. */
export async function expectRefused(parent: string, call: () => Promise<unknown>, { code, says }: Refusal): Promise<WeighbridgeError> {
  const before = contents(parent);
  const error = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WeighbridgeError)) throw error ?? new Error("it was not refused");
  expect(error.message).to.match(/^[^\n]+$/);
  for (const part of says) expect(error.message).to.include(part);
  expect(error instanceof UsageError ? 2 : 1).to.equal(code);
  expect(contents(parent)).to.deep.equal(before);
  return error;
}

/** @param parent - the folder that the command runs in, with all that it could write */
export async function expectRefusal(parent: string, args: readonly string[], { code, says }: Refusal): Promise<Outcome> {
  const before = contents(parent);
  const outcome = await run(args, { cwd: parent });
  expect(outcome.stderr).to.match(/^weighbridge: [^\n]+\n$/);
  for (const part of says) expect(outcome.stderr).to.include(part);
  expect({ code: outcome.code, stdout: outcome.stdout }).to.deep.equal({ code, stdout: "" });
  expect(contents(parent)).to.deep.equal(before);
  return outcome;
}
