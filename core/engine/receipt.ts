// What a conversion leaves in its output: what it was made from and how, and the config texts that the target cannot hold,
// so that the way back restores them.

import { createHash } from "node:crypto";
import { isDimensionValue, isNearest } from "../architecture/consistency.js";
import type { ByLayout, LayoutName, Plugin, Value, Values } from "../architecture/declaration.js";
import { onlyValue } from "../architecture/limits.js";
import { intervalOf } from "../architecture/lists.js";
import type { Match } from "../architecture/match.js";
import { checkValue, configure } from "../architecture/settings.js";
import { isObject, type Json, parseObject, plain, printJson, sameJson } from "../format/json.js";
import type { Carried, Checkpoint, Layout } from "../layout/layout.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import type { Store } from "../store/store.js";
import { readText } from "../store/text.js";
import type { DType } from "../tensor/dtype.js";
import { packageVersion } from "../version.js";
import type { Checked } from "./convert-options.js";
import type { Model } from "./open.js";
import type { Prepared } from "./prepared.js";
import type { TensorDigests } from "./tensor-hashes.js";

export async function readCarried(store: Store, { root, layout, configText }: Checkpoint): Promise<Carried> {
  const path = `${root}/${RECEIPT_NAME}`;
  const found = (await store.status(path))?.kind === "file" ? parseObject(await readText(store, path), path).carried : undefined;
  const texts = isObject(found) ? Object.fromEntries(Object.entries(found).filter(([, text]) => typeof text === "string")) : {};
  return { ...(texts as Carried), [layout]: configText };
}

/**
 * Settings that only the target's config has, and that the source can therefore not say, or not exactly: as an earlier conversion
 * met them.
 * What follows from the model's sizes is left to be computed.
 *
 * @throws {FormatError | CheckpointError} the receipt is no longer what a conversion wrote
 */
export function restoredSettings({ checkpoint, layout, match }: Model, target: Layout, carried: Carried): Values {
  const { plugin } = match;
  const text = carried[target.name];
  if (text === undefined || target === layout) return {};
  const where = `${checkpoint.root}/${RECEIPT_NAME}: carried.${target.name}`;
  const known = target.readSettings(plain(parseObject(text, where)) as Values, plugin);
  const isTargets = (only: string | undefined, fallback: unknown) => only === target.name && !isDimensionValue(fallback);
  const inOtherWords = new Set(listsOf(plugin).flatMap(([name, every]) => [name, ...Object.values(every)]));
  const names = Object.entries(plugin.settings).filter(
    ([name, { in: only, default: fallback }]) =>
      name in known && !inOtherWords.has(name) && (isTargets(only, fallback) || isRounded(match, layout, name, known[name] ?? null)),
  );
  for (const [name, declaration] of names) checkValue(name, known[name] ?? null, declaration, where);
  const lists = lostLists(match, layout.name, configure(plugin, known, target.name, where).settings);
  return { ...Object.fromEntries(names.map(([name]) => [name, known[name] ?? null])), ...lists };
}

const listsOf = (plugin: Plugin): [string, ByLayout<string>][] =>
  Object.entries(plugin.settings).flatMap(([name, { every }]) => (every === undefined ? [] : [[name, every]]));

/**
 * Lists that the source's config says by a number are what that says. But one that no number says is the earlier one, as long as
 * the source still says that no entry is 0, which is what it was then given.
 */
function lostLists({ plugin, configuration }: Match, layout: LayoutName, earlier: Values): Values {
  const lost = listsOf(plugin).filter(([name, every]) => {
    const [list, now] = [earlier[name], configuration.settings[name]];
    const isSameModel = Array.isArray(list) && Array.isArray(now) && list.length === now.length;
    return every[layout] !== undefined && isSameModel && intervalOf(list) === undefined && intervalOf(now) === null;
  });
  const names = lost.flatMap(([name, every]) => [name, ...Object.values(every).filter((key) => plugin.settings[key]?.in !== layout)]);
  return Object.fromEntries(names.map((name) => [name, earlier[name] ?? null]));
}

/** Whether the source says what it could of a value that its config had to round. */
function isRounded({ plugin, configuration }: Match, { name: layout }: Layout, setting: string, carried: Value): boolean {
  const limit = (plugin.limits[layout] ?? []).find((candidate) => candidate.setting === setting && isNearest(candidate.only));
  if (limit === undefined) return false;
  const before = { ...configuration, settings: { ...configuration.settings, [setting]: carried } };
  return sameJson(onlyValue(limit, { plugin, configuration: before }) as Json, configuration.settings[setting] as Json);
}

/** A restored setting that the source's framework did not compute with is worth a word. */
export function restorations({ layout, match: { plugin, configuration } }: Model, restored: Values): string[] {
  const limited = (plugin.limits[layout.name] ?? []).filter(({ setting }) => setting in restored);
  return limited
    .filter(({ setting }) => !sameJson(restored[setting] as Json, configuration.settings[setting] as Json))
    .map(({ setting, because }) => `${setting} ${JSON.stringify(restored[setting])} is restored from the receipt; ${because}`);
}

export function receiptText(
  { source, target, arrangement, carried, losses, warnings }: Prepared,
  { dtype, checked, tensors }: { dtype: DType | undefined; checked: Checked; tensors: TensorDigests | undefined },
): string {
  const { plugin } = source.match;
  return printJson({
    format: 1,
    tool: { name: "weighbridge", version: packageVersion() },
    source: {
      path: source.checkpoint.root,
      layout: source.layout.name,
      ...source.checkpoint.topology,
      bytes: source.checkpoint.files.reduce((sum, { byteLength }) => sum + byteLength, 0),
      configSha256: sha256(source.checkpoint.configText),
    },
    target: { layout: target.name, ...arrangement },
    plugin: plugin.name,
    pluginSha256: sha256(JSON.stringify({ ...plugin, origin: undefined })),
    weights: dtype === undefined ? "exact" : `cast to ${dtype}`,
    verified: checked.verified,
    semanticLosses: losses,
    warnings: [...warnings, ...(checked.notice === undefined ? [] : [checked.notice])],
    carried,
    ...(tensors === undefined ? {} : { tensors }),
  });
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
