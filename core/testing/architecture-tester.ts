// The suite that every architecture plugin passes. Cases are data; what is checked of each is the kit's business, not the author's.

import { strict as assert } from "node:assert";
import type { Values } from "../architecture/declaration.js";
import { createEngine, type EngineOverrides } from "../compose.js";
import type { Engine } from "../engine.js";
import { WeighbridgeError } from "../errors.js";
import { makeCheckpoint } from "./made-checkpoint.js";
import { MemoryStore } from "./memory-store.js";

export interface ModelCase {
  readonly name: string;
  /** What the model's `config.json` says. */
  readonly config: Values;
}

export interface ArchitectureCases {
  /** Models as published: matched to this plugin without a warning, planned and proven at every topology. Headers only, so any size. */
  readonly published?: readonly ModelCase[];
  /** Small ones, run through: there and back byte for byte, and the forwards of both layouts agree. */
  readonly small: readonly ModelCase[];
  /** Configs that are refused when a plan to Nanotron is asked for. */
  readonly refused?: readonly (ModelCase & { readonly code: string; readonly message: RegExp })[];
}

/** A framework's `describe` and `it`; mocha's by default. */
export interface TestFramework {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => unknown): unknown;
}

const TP = [1, 2, 4, 8] as const;
const PP = [1, 2, 4] as const;
const ROPE = [false, true] as const;
/** Enough to fill the causal mask and to turn every pair of a head, few enough for a second. */
const PREDICTIONS = 48;
const SEED = 1;

/**
 * Declare the tests of one plugin.
 *
 * @param plugin - its name, among those that `overrides` and the package bring
 * @throws {UsageError} there is no such plugin, or two cases have one name
 */
export function testArchitecture(
  plugin: string,
  { published = [], small, refused = [] }: ArchitectureCases,
  overrides: EngineOverrides = {},
  { describe, it }: TestFramework = globalThis as unknown as TestFramework,
): void {
  const names = [...published, ...small, ...refused].map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  assert.equal(twice, undefined, `${plugin}: two cases are called ${twice}`);
  describe(`plugin ${plugin}`, () => {
    for (const model of published) it(`${model.name}: is matched, and proven at every topology`, () => prove(plugin, model, overrides));
    for (const model of small) {
      it(`${model.name}: there and back at every topology, byte for byte`, () => thereAndBack(plugin, model, overrides));
      it(`${model.name}: both frameworks' forwards agree`, () => forwardsAgree(plugin, model, overrides));
    }
    for (const model of refused) it(`${model.name}: is refused`, () => refuse(plugin, model, overrides));
  });
}

interface Bench {
  readonly store: MemoryStore;
  readonly engine: Engine;
  readonly arrangements: readonly { readonly tp: number; readonly pp: number; readonly ropeInterleaved: boolean }[];
}

const SOURCE = "/source";

function setUp(name: string, { config }: ModelCase, overrides: EngineOverrides, seed?: number): Bench {
  const store = new MemoryStore();
  const engine = createEngine({ ...overrides, store });
  const plugin = engine.plugins().find((candidate) => candidate.name === name);
  assert.ok(plugin !== undefined, `there is no plugin ${name}`);
  const before = JSON.stringify([plugin, config]);
  const { shared } = makeCheckpoint(store, SOURCE, plugin, config, seed);
  assert.equal(JSON.stringify([plugin, config]), before, "the case was changed while it was read");
  const arrangements = TP.filter((tp) => shared.every((size) => size % tp === 0)).flatMap((tp) =>
    PP.flatMap((pp) => ROPE.map((ropeInterleaved) => ({ tp, pp, ropeInterleaved }))),
  );
  return { store, engine, arrangements };
}

async function prove(plugin: string, model: ModelCase, overrides: EngineOverrides): Promise<void> {
  const { engine, arrangements } = setUp(plugin, model, overrides);
  for (const arrangement of arrangements) {
    const report = await engine.plan(SOURCE, { to: "nanotron", ...arrangement });
    assert.equal(report.plugin, plugin);
    assert.deepEqual(report.warnings, []);
  }
}

async function thereAndBack(plugin: string, model: ModelCase, overrides: EngineOverrides): Promise<void> {
  const { store, engine, arrangements } = setUp(plugin, model, overrides, SEED);
  for (const arrangement of arrangements) {
    await engine.convert(SOURCE, "/there", { to: "nanotron", plugin, ...arrangement, verify: "none" });
    await engine.convert("/there", "/back", { to: "huggingface", plugin, verify: "none" });
    const [found, expected] = ["/back", SOURCE].map((folder) => store.files.get(`${folder}/model.safetensors`));
    assert.ok(found !== undefined && expected !== undefined, "the way back has no model.safetensors");
    assert.equal(Buffer.compare(found, expected), 0, `${JSON.stringify(arrangement)}: the way back differs`);
    await store.remove("/there");
    await store.remove("/back");
  }
}

async function forwardsAgree(plugin: string, model: ModelCase, overrides: EngineOverrides): Promise<void> {
  const { store, engine, arrangements } = setUp(plugin, model, overrides, SEED);
  for (const arrangement of arrangements) {
    await engine.convert(SOURCE, "/there", { to: "nanotron", plugin, ...arrangement, verify: "none" });
    const { verdict, evidence, predictions } = await engine.verify(SOURCE, "/there", { plugin, predictions: PREDICTIONS });
    assert.equal(verdict, "equal", `${JSON.stringify(arrangement)}: ${evidence}`);
    assert.ok(predictions !== null, evidence);
    await store.remove("/there");
  }
}

async function refuse(plugin: string, model: ModelCase & { code: string; message: RegExp }, overrides: EngineOverrides): Promise<void> {
  const { engine } = setUp(plugin, model, overrides);
  try {
    await engine.plan(SOURCE, { to: "nanotron", plugin });
  } catch (error) {
    assert.ok(error instanceof WeighbridgeError, String(error));
    assert.equal(error.code, model.code);
    assert.match(error.message, model.message);
    return;
  }
  assert.fail("expected a refusal, found a proven plan");
}
