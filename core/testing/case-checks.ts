// What is checked of each case. Every check throws, with one line, when it fails. By `assert.ok` only: the others add
// lines of their own to a message.

import { strict as assert } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { expand } from "../architecture/architecture.js";
import type { Values } from "../architecture/declaration.js";
import { openModel } from "../engine/open.js";
import { plan } from "../engine/plan.js";
import { verify } from "../engine/verify.js";
import { UnsupportedError, WeighbridgeError } from "../errors.js";
import type { Topology } from "../layout/layout.js";
import type { InvalidCase, ValidCase } from "./cases.js";
import { costProblem } from "./costs.js";
import { dtypeOf } from "./made-checkpoint.js";
import { mappingProblems } from "./mapping.js";
import { disagreement, SEED } from "./notice.js";
import { configurationOf, smallConfig, withoutLosses } from "./small-model.js";
import { arrangementsOf, carry, describeArrangement, SOURCE, type Subject, setUp, type Workbench } from "./workbench.js";

const THERE = "/there";
const BACK = "/back";

/** Pipeline sizes of a large model: each is a plan of all its tensors. */
const PUBLISHED_PP = [1, 2, 4, 8, 16];

/** As published: the plugin is found for it, nothing about it is odd, and its plan is proven. Headers only, so any size. */
export async function checkPublished(subject: Subject, model: ValidCase): Promise<void> {
  const { context, plugin, tps, pps } = setUp(subject, model.config, undefined, model.stored);
  const problem = costProblem(expand(plugin, configurationOf(plugin, model.config)), model.costs);
  assert.ok(problem === undefined, problem);
  const all = tps.flatMap((tp) => PUBLISHED_PP.filter((pp) => pps.includes(pp)).map((pp) => ({ tp, pp })));
  const topologies = model.topologies?.map(({ tp = 1, pp = 1 }): Topology => ({ tp, pp })) ?? all;
  const { losses = [] } = model;
  await checkLosses(subject, model);
  for (const arrangement of arrangementsOf(plugin, topologies)) {
    const where = describeArrangement(arrangement);
    const report = await plan(context, SOURCE, { to: "nanotron", ...arrangement, allowSemanticLoss: losses.length > 0 });
    assert.ok(report.plugin === plugin.name, `${where}: expected to be matched to ${plugin.name}, found ${report.plugin}`);
    assert.ok(report.warnings.length === 0, `${where}: expected no warning, found ${report.warnings.join("; ")}`);
  }
}

/** What Nanotron computes differently is refused, or said line for line where it is allowed. */
export async function checkLosses(subject: Subject, { config, losses = [] }: ValidCase): Promise<void> {
  const { context, plugin } = setUp(subject, config);
  const options = { to: "nanotron", plugin: plugin.name } as const;
  const { semanticLosses } = await plan(context, SOURCE, { ...options, allowSemanticLoss: true });
  assert.ok(isDeepStrictEqual(semanticLosses, losses), `expected the losses ${list(losses)}, found ${list(semanticLosses)}`);
  if (losses.length === 0) return;
  const error = await thrownBy(() => plan(context, SOURCE, options));
  const isRight = error instanceof UnsupportedError && error.allowable;
  assert.ok(isRight, `expected a refusal that --allow-semantic-loss lifts, found ${error?.message ?? "a proven plan"}`);
}

const list = (lines: readonly string[]): string => (lines.length === 0 ? "none" : JSON.stringify(lines));

/** Made small: every tensor has one place in each layout, and the way back gives the same bytes and settings. */
export async function checkRoundTrip(subject: Subject, model: ValidCase): Promise<void> {
  const config = smallConfig(subject.plugin, model);
  const bench = setUp(subject, config, SEED);
  const { context, store, plugin, tps, pps } = bench;
  const problems = mappingProblems(expand(plugin, configurationOf(plugin, withoutLosses(plugin, config))), model.mapping);
  assert.ok(problems.length === 0, problems[0]);
  // What Nanotron keeps in a dtype of its own comes back in it, unless the model's is asked for.
  const isKept = plugin.blocks.some(({ parameters }) => parameters.some((parameter) => parameter.dtype !== undefined));
  const dtype = isKept ? dtypeOf(config) : undefined;
  for (const arrangement of arrangementsOf(
    plugin,
    tps.flatMap((tp) => pps.map((pp) => ({ tp, pp }))),
  )) {
    const where = describeArrangement(arrangement);
    await carry(context, plugin.name, arrangement, [SOURCE, THERE]);
    await checkPlaces(bench, where);
    await carry(context, plugin.name, "huggingface", [THERE, BACK], dtype);
    const [found, expected] = [BACK, SOURCE].map((folder) => store.files.get(`${folder}/model.safetensors`));
    assert.ok(found !== undefined && expected !== undefined, `${where}: the way back has no model.safetensors`);
    assert.ok(Buffer.compare(found, expected) === 0, `${where}: the way back has other bytes`);
    await checkSettings(bench, where);
  }
}

/** Each Hugging Face tensor is part of one parameter, and each parameter is stored by as many ranks as share it. */
async function checkPlaces({ context, plugin }: Workbench, where: string): Promise<void> {
  const [source, there] = [
    await openModel(context, SOURCE, { plugin: plugin.name }),
    await openModel(context, THERE, { plugin: plugin.name }),
  ];
  const mapped = there.architecture.blocks.flatMap(({ parameters }) =>
    parameters.flatMap(({ components }) => components.map(({ name }) => name)),
  );
  const held = [...source.checkpoint.tensors.values()].map(({ name }) => name);
  assert.ok(isDeepStrictEqual(mapped.sort(), held.sort()), `${where}: other tensors are mapped than stored`);
  const expected = there.architecture.blocks.flatMap(({ parameters }) =>
    parameters.flatMap(({ name, parallelAxis }) =>
      Array.from({ length: parallelAxis === undefined ? 1 : there.arrangement.tp }, () => name),
    ),
  );
  const stored = [...there.checkpoint.tensors.values()].map(({ name }) => name);
  assert.ok(isDeepStrictEqual(stored.sort(), expected.sort()), `${where}: Nanotron's files are not one for each rank of each parameter`);
}

async function checkSettings({ context, plugin }: Workbench, where: string): Promise<void> {
  const settingsIn = async (path: string) => (await openModel(context, path, { plugin: plugin.name })).match.configuration.settings;
  const [found, expected] = [await settingsIn(BACK), await settingsIn(SOURCE)];
  for (const [name, value] of Object.entries(expected)) {
    const says = `${where}: ${name} is ${JSON.stringify(value)}, and ${JSON.stringify(found[name])} on the way back`;
    assert.ok(isDeepStrictEqual(found[name], value), says);
  }
}

/**
 * Both frameworks' own forwards: on the CPU at every TP in both orders of rows. Other executors, which are held against it by their
 * own tests, run the largest TP, with interleaved rows if there are such: Hugging Face's forward then rotates in one order and Nanotron's in
 * the other.
 */
export async function checkForwards(subject: Subject, model: ValidCase): Promise<void> {
  const bench = setUp(subject, withoutLosses(subject.plugin, smallConfig(subject.plugin, model)), SEED, model.stored);
  const { context, plugin, tps, pps } = bench;
  const executors = await workingExecutors(bench);
  const arrangements = arrangementsOf(
    plugin,
    tps.map((tp) => ({ tp, pp: 1 })),
  );
  for (const [at, arrangement] of arrangements.entries()) {
    const placed = { ...arrangement, pp: pps[at % pps.length] ?? 1 };
    await carry(context, plugin.name, placed, [SOURCE, THERE]);
    const isForAll = arrangement === arrangements.at(-1);
    const wanted = executors.filter((name) => name === "cpu" || isForAll);
    for (const executor of wanted) {
      const problem = await disagreement(context, plugin, executor, THERE);
      assert.ok(problem === undefined, `${describeArrangement(placed)}, ${executor}: ${problem}`);
    }
  }
}

async function workingExecutors({ context }: Workbench): Promise<string[]> {
  const working: string[] = [];
  for (const provider of context.executors.all()) if ((await provider.unavailable()) === undefined) working.push(provider.name);
  return working;
}

/** Fault F01: rows in one order, and a config that says the other. */
export async function checkRopeFlip(subject: Subject, model: ValidCase): Promise<void> {
  const { context, store, plugin } = setUp(subject, withoutLosses(subject.plugin, smallConfig(subject.plugin, model)), SEED);
  for (const ropeInterleaved of [false, true]) {
    await carry(context, plugin.name, { tp: 1, pp: 1, ropeInterleaved }, [SOURCE, THERE]);
    for (const [path, bytes] of [...store.files].filter(([name]) => name.startsWith(THERE))) {
      const text = path.endsWith(".safetensors") ? undefined : new TextDecoder().decode(bytes);
      const flipped = text?.replace(/(rope_interleaved"?: )(true|false)/g, (_, key, value) => `${key}${value !== "true"}`);
      if (flipped !== undefined) store.files.set(path, new TextEncoder().encode(flipped));
    }
    const noticed = await disagreement(context, plugin, "auto", THERE);
    assert.ok(
      noticed !== undefined,
      `rows ${ropeInterleaved ? "interleaved" : "half-split"} and rope_interleaved ${!ropeInterleaved}: not noticed`,
    );
  }
}

/** Fault F20: a bias that arrives as zeros. */
export async function checkBiases(subject: Subject, model: ValidCase): Promise<void> {
  const { context, store, plugin } = setUp(subject, withoutLosses(subject.plugin, smallConfig(subject.plugin, model)), SEED);
  const arrangement = { tp: 1, pp: 1, ropeInterleaved: false };
  await carry(context, plugin.name, arrangement, [SOURCE, THERE]);
  const { checkpoint } = await openModel(context, THERE, { plugin: plugin.name });
  for (const { name, file, byteStart, byteEnd } of [...checkpoint.tensors.values()].filter((tensor) => tensor.name.endsWith("bias"))) {
    const path = checkpoint.files[file]?.path ?? "";
    const whole = store.files.get(path);
    assert.ok(whole !== undefined, `${name}: expected ${path}`);
    store.files.set(path, whole.slice().fill(0, byteStart, byteEnd));
    const { verdict } = await verify(context, SOURCE, THERE, { plugin: plugin.name, checks: ["parameters"] });
    store.files.set(path, whole);
    assert.ok(verdict === "different", `${name} dropped: not noticed`);
  }
}

/** Refused as the case says. @throws {AssertionError} it is not */
export async function checkInvalid(subject: Subject, model: InvalidCase): Promise<void> {
  const { code, pointer, says = "" } = model;
  const error = await (model.nanotron === undefined ? refusedByNanotron(subject, model) : refusedByHuggingFace(subject, model));
  assert.ok(error !== undefined, `expected ${code}, found a proven plan`);
  assert.ok(error.code === code, `expected ${code}, found ${error.code}: ${error.message}`);
  if (pointer !== undefined)
    assert.ok(error.pointer === pointer, `expected a fault at ${pointer}, found ${error.pointer ?? "none"}: ${error.message}`);
  assert.ok(error.message.includes(says), `expected a message with ${JSON.stringify(says)}, found ${error.message}`);
}

const refusedByNanotron = (subject: Subject, { config, tp = 1, pp = 1 }: InvalidCase): Promise<WeighbridgeError | undefined> =>
  thrownBy(async () => {
    const { context, plugin } = setUp(subject, config);
    await plan(context, SOURCE, { to: "nanotron", plugin: plugin.name, tp, pp });
  });

/** What the config becomes in Nanotron has to be made first, and that must not fail. */
async function refusedByHuggingFace(subject: Subject, model: InvalidCase): Promise<WeighbridgeError | undefined> {
  const { name, config, nanotron, tp = 1, pp = 1 } = model;
  const { context, store, plugin } = setUp(subject, smallConfig(subject.plugin, { name, config }), SEED);
  const failure = await thrownBy(() => carry(context, plugin.name, { tp, pp, ropeInterleaved: false }, [SOURCE, THERE]));
  assert.ok(failure === undefined, `expected a config that becomes Nanotron's, found ${failure?.message}`);
  const path = `${THERE}/model_config.json`;
  const written: Values = JSON.parse(new TextDecoder().decode(store.files.get(path)));
  store.files.set(path, new TextEncoder().encode(JSON.stringify({ ...written, ...nanotron })));
  return thrownBy(() => plan(context, THERE, { to: "huggingface", plugin: plugin.name }));
}

async function thrownBy(call: () => Promise<unknown>): Promise<WeighbridgeError | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    if (error instanceof WeighbridgeError) return error;
    throw error;
  }
}
