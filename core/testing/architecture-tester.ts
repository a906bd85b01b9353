// The suite that every architecture plugin passes, in the spirit of eslint's RuleTester: cases are data; what is checked of each is
// the kit's business, not the author's. `import { ArchitectureTester } from "weighbridge/testing"`.

import { AssertionError } from "node:assert";
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { builtInFolders, readPlugin } from "../architecture/load.js";
import type { EngineOverrides } from "../compose.js";
import { hasForward } from "../engine/forwards.js";
import { openModel } from "../engine/open.js";
import { WeighbridgeError } from "../errors.js";
import { checkBiases, checkForwards, checkInvalid, checkPublished, checkRopeFlip, checkRoundTrip } from "./case-checks.js";
import { type ArchitectureCases, casesOf, readCases, type ValidCase } from "./cases.js";
import { checkMutants } from "./mutant-check.js";
import { smallConfig } from "./small-model.js";
import { SOURCE, type Subject, setUp, subjectOf } from "./workbench.js";

export type { ArchitectureCases, InvalidCase, TopologyCase, ValidCase } from "./cases.js";

/** A framework's `describe` and `it`; mocha's by default. */
export interface TestFramework {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => Promise<void>): unknown;
}

/** What became of a plugin's suite. */
export interface TestReport {
  readonly plugin: string;
  /** Checks that passed. */
  readonly passed: number;
  /** What is wrong, one line each; none means that the plugin passes. */
  readonly problems: readonly string[];
  /** What a reader should know: mutants that change nothing in these cases, checks that had nothing to run. */
  readonly notes: readonly string[];
}

interface Check {
  readonly title: string;
  /** @returns notes; throws what is wrong, a line for each problem */
  run(): Promise<readonly string[]>;
}

/** Mutants and whole models take their time where the machine is shared. */
const TIMEOUT_MS = 120_000;

export class ArchitectureTester {
  private readonly overrides: EngineOverrides;
  private readonly framework: TestFramework | undefined;

  /**
   * @param overrides - what the plugins are tested with: further plugins, layouts, executors, forwards
   * @param framework - where `run` declares its tests; the globals `describe` and `it`, as mocha has them, by default
   */
  constructor(overrides: EngineOverrides = {}, framework?: TestFramework) {
    this.overrides = overrides;
    this.framework = framework;
  }

  /**
   * Declare a plugin's tests.
   *
   * @param plugin - a plugin's folder, or the name of one there is
   * @param cases - instead of the cases.yaml in the folder
   * @throws {UsageError} there is no such plugin, or no cases
   * @throws {DeclarationError} the plugin or its cases are not what they should be: a key unknown, a name or a case twice
   */
  run(plugin: string, cases?: ArchitectureCases): void {
    const { describe, it } = this.framework ?? (globalThis as unknown as TestFramework);
    const suite = this.suiteOf(plugin, cases);
    describe(`plugin ${suite.plugin}`, () => {
      for (const { title, run } of suite.checks) setTimeoutOf(it(title, async () => void (await run())));
    });
  }

  /**
   * Run a plugin's tests.
   *
   * @param onCheck - called before each check with its title
   * @throws as `run`; a check that fails is a problem of the report
   */
  async test(plugin: string, cases?: ArchitectureCases, onCheck: (title: string) => void = () => undefined): Promise<TestReport> {
    const suite = this.suiteOf(plugin, cases);
    const problems: string[] = [];
    const notes: string[] = [];
    let passed = 0;
    for (const { title, run } of suite.checks) {
      onCheck(title);
      try {
        notes.push(...(await run()));
        passed++;
      } catch (error) {
        if (!(error instanceof AssertionError || error instanceof WeighbridgeError)) throw error;
        problems.push(...error.message.split("\n").map((line) => `${title}: ${line}`));
      }
    }
    return { plugin: suite.plugin, passed, problems, notes };
  }

  private suiteOf(plugin: string, given: ArchitectureCases | undefined): { plugin: string; checks: Check[] } {
    const { name, folder, overrides } = this.locate(plugin);
    const cases = given === undefined ? readCases(folder) : casesOf(given, `the cases of ${name}`);
    const subject = subjectOf(name, overrides);
    const { valid, invalid = [] } = cases;
    const checks = [
      ...valid.flatMap((model) => validChecks(subject, model)),
      ...invalid.map((model) => check(`${model.name}: is refused`, () => checkInvalid(subject, model))),
      { title: "every mutant of the plugin is noticed", run: () => checkMutants(subject, cases) },
    ];
    return { plugin: name, checks: checks.map((each) => unmutated(each, [subject.plugin, cases])) };
  }

  /** A folder that the engine has anyway, as a built-in plugin's, is not added a second time. */
  private locate(plugin: string): { name: string; folder: string; overrides: EngineOverrides } {
    const { plugins = [] } = this.overrides;
    const known = [...builtInFolders(), ...plugins];
    if (!/[/\\]|^\.{1,2}$/.test(plugin)) {
      const folder = known.find((candidate) => readPlugin(candidate, candidate).declaration.name === plugin);
      // Without one a name that is not known either is the user's mistake.
      return {
        name: folder === undefined ? subjectOf(plugin, this.overrides).plugin.name : plugin,
        folder: folder ?? plugin,
        overrides: this.overrides,
      };
    }
    const folder = resolve(plugin);
    const { name } = readPlugin(folder, folder).declaration;
    const isKnown = known.some((candidate) => realpathSync(candidate) === realpathSync(folder));
    return { name, folder, overrides: isKnown ? this.overrides : { ...this.overrides, plugins: [...plugins, folder] } };
  }
}

/** mocha's tests have a timeout of their own; other frameworks' are theirs to set. */
function setTimeoutOf(test: unknown): void {
  if (typeof test !== "object" || test === null || !("timeout" in test) || typeof test.timeout !== "function") return;
  test.timeout(TIMEOUT_MS);
}

const check = (title: string, body: () => Promise<void>): Check => ({
  title,
  run: async () => {
    await body();
    return [];
  },
});

function validChecks(subject: Subject, model: ValidCase): Check[] {
  const { name } = model;
  return [
    check(`${name}: is matched, and proven at every topology`, () => checkPublished(subject, model)),
    check(`${name}: there and back at every topology, byte for byte`, () => checkRoundTrip(subject, model)),
    {
      title: `${name}: both frameworks' forwards agree`,
      run: async () => {
        if (!(await canRun(subject, model)))
          return [`${name}: family ${subject.plugin.family} has no forwards, so that no predictions were compared`];
        await checkForwards(subject, model);
        if (isRotary(subject)) await checkRopeFlip(subject, model);
        return [];
      },
    },
    ...(hasBias(subject) ? [check(`${name}: a bias that is dropped is noticed`, () => checkBiases(subject, model))] : []),
  ];
}

async function canRun(subject: Subject, model: ValidCase): Promise<boolean> {
  const { context, plugin } = setUp(subject, smallConfig(subject.plugin, model));
  return hasForward(context, await openModel(context, SOURCE, { plugin: plugin.name }), "nanotron");
}

const sourcesOf = ({ plugin }: Subject) =>
  plugin.blocks.flatMap(({ parameters }) => parameters.flatMap(({ huggingface }) => [huggingface].flat()));

const isRotary = (subject: Subject): boolean => sourcesOf(subject).some(({ rotary }) => rotary === true);
const hasBias = (subject: Subject): boolean => sourcesOf(subject).some(({ tensor }) => tensor.endsWith("bias"));

/** What is checked must not change what it is checked with, or a later check would be of something else. */
function unmutated({ title, run }: Check, inputs: unknown): Check {
  const before = JSON.stringify(inputs);
  return {
    title,
    run: async () => {
      const notes = await run();
      if (JSON.stringify(inputs) !== before)
        throw new AssertionError({ message: "the plugin or its cases were changed while they were read" });
      return notes;
    },
  };
}
