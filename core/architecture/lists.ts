// Settings that are lists: an entry for each layer, or for each of another dimension. Where a layout's config says one by a number
// instead, "every n-th is 0", that number is a setting of its own, and the two follow from each other.

import { CheckpointError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import type { LayoutName, Plugin, SettingDeclaration, Value, Values } from "./declaration.js";

/** 0 at every n-th entry, 1 at the others; 1 everywhere when n is null. */
export const everyNth = (n: number | null, length: number): number[] =>
  Array.from({ length }, (_, at) => (n !== null && (at + 1) % n === 0 ? 0 : 1));

/**
 * The n with which a list is `everyNth`.
 *
 * @returns null when no entry is 0; undefined when no n does that divides the number of entries
 */
export function intervalOf(list: Value | undefined): number | null | undefined {
  if (!Array.isArray(list)) return undefined;
  const n = list.includes(0) ? list.indexOf(0) + 1 : null;
  const isSaid = sameJson(list as Json, everyNth(n, list.length)) && (n === null || list.length % n === 0);
  return isSaid ? n : undefined;
}

export interface ListContext {
  /** Whose config the settings are from. */
  readonly layout: LayoutName;
  readonly dimensions: Readonly<Record<string, number>>;
  /** The config file, for errors. */
  readonly where: string;
}

/**
 * The settings with every list at its full length, and with every number that says one in another layout.
 *
 * @throws {CheckpointError} a list is too short
 */
export function withLists({ settings: declared }: Plugin, settings: Values, context: ListContext): Values {
  const completed: Record<string, Value> = { ...settings };
  for (const [name, declaration] of Object.entries(declared)) {
    if (declaration.each === undefined) continue;
    const list = listOf(name, declaration, completed, context);
    completed[name] = list;
    for (const [layout, key] of Object.entries(declaration.every ?? {}))
      if (layout !== context.layout) completed[key] = intervalOf(list) ?? (declared[key]?.default as Value | undefined) ?? null;
  }
  return completed;
}

function listOf(name: string, { each = "", every = {} }: SettingDeclaration, settings: Values, context: ListContext): readonly Value[] {
  const { layout, dimensions, where } = context;
  const length = dimensions[each] ?? 0;
  const value = settings[name] ?? null;
  if (Array.isArray(value)) {
    // transformers reads as many entries as there are layers, and wants no fewer.
    if (value.length >= length) return value.slice(0, length);
    const pointer = `/${name}`;
    throw new CheckpointError(`${where}: ${name}: expected an entry for each of ${length} ${each}, found ${value.length}`, { pointer });
  }
  const key = every[layout];
  if (key !== undefined) return everyNth(settings[key] as number | null, length);
  return Array.from({ length }, () => value);
}
