// The kit under a test framework: what it declares there.

import { expect } from "chai";
import { describe, it } from "mocha";
import { ArchitectureTester } from "../../core/testing/architecture-tester.js";
import { model } from "../helpers/kit-cases.js";

describe("the kit, under a test framework", () => {
  it("is what the package exports as weighbridge/testing", async () => {
    const specifier: string = "weighbridge/testing";
    expect((await import(specifier)).ArchitectureTester).to.equal(ArchitectureTester);
  });

  it("declares a suite with a test for each check, and fails the one that fails", async () => {
    const suites: string[] = [];
    const tests = new Map<string, () => Promise<void>>();
    const framework = {
      describe: (title: string, body: () => void) => {
        suites.push(title);
        body();
      },
      it: (title: string, body: () => Promise<void>) => tests.set(title, body),
    };
    new ArchitectureTester({}, framework).run("llama", { valid: [{ ...model, losses: ["none"] }] });
    expect(suites).to.deep.equal(["plugin llama"]);
    expect([...tests.keys()]).to.deep.equal([
      "small: is matched, and proven at every topology",
      "small: there and back at every topology, byte for byte",
      "small: both frameworks' forwards agree",
      "every mutant of the plugin is noticed",
    ]);
    const outcome = await tests
      .get("small: is matched, and proven at every topology")?.()
      .then(
        () => "passed",
        (error: Error) => error.message,
      );
    expect(outcome).to.equal('expected the losses ["none"], found none');
  });
});
