// A checkpoint's configuration as the plugin's settings: typed, defaults filled in, dimensions computed.
// The layouts read their config files into raw values; this module makes Settings of them.

import { CheckpointError } from "../errors.js";
import { isDimensionValue, isEveryValue, isNearest, isOtherSetting } from "./consistency.js";
import {
  type DimensionValue,
  formOf,
  type LayoutName,
  type Plugin,
  type SettingDeclaration,
  settingOf,
  type Value,
  type Values,
} from "./declaration.js";
import { withLists } from "./lists.js";
import { isQuotient, parseQuotient } from "./shape-pattern.js";

/** Every declared setting's value, by its Hugging Face name. */
export type Settings = Values;
/** Every dimension's size, by symbol. */
export type Dimensions = Readonly<Record<string, number>>;

export interface Configuration {
  readonly settings: Settings;
  readonly dimensions: Dimensions;
}

/**
 * @param raw - values as the config file has them, plain numbers, under Hugging Face names
 * @param layout - whose config it is; a setting that only another layout's has is then at the one value that this layout's
 * framework can express, if a limit says so, and at its default otherwise
 * @param where - the config file, for errors
 * @throws {CheckpointError} a value is missing or of the wrong type, or a dimension is no positive integer
 */
export function configure(plugin: Plugin, raw: Values, layout: LayoutName, where: string): Configuration {
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = raw[name];
    const form = formOf(name, declaration, layout);
    if (value === undefined && form.default === undefined && declaration.every === undefined)
      throw new CheckpointError(`${where}: ${form.key} is missing`, { pointer: `/${name}` });
    if (value !== undefined) checkValue(name, value, declaration, where, form.key);
  }
  const dimensions = computeDimensions(plugin, raw, where);
  const sizes = new Map(Object.keys(plugin.dimensions).map((symbol) => [settingOf(plugin.dimensions, symbol), dimensions[symbol]]));
  const settings: Record<string, Value> = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = raw[name] ?? sizes.get(name) ?? raw[name];
    // A null id or object says something ("no such token"); a null number or name is as good as absent.
    const isNullValue = declaration.nullable === true || ["token", "object", "any"].includes(declaration.type);
    const isGiven = value !== undefined && (value !== null || isNullValue) && !meansDefault(value, declaration);
    settings[name] = isGiven ? value : resolveValue(unsaid(plugin, name, declaration, layout), dimensions);
  }
  return { settings: withLists(plugin, settings, { layout, dimensions, where }), dimensions };
}

/** Nanotron's list of one index, -1, is a word for all. @see nanotron config/models_config.py, Qwen2Config.__post_init__ */
const meansDefault = (value: Value, { type }: SettingDeclaration): boolean =>
  type === "indices" && Array.isArray(value) && value.length === 1 && value[0] === -1;

/** @throws {CheckpointError} the value is not what the plugin says of its setting */
export function checkValue(name: string, value: Value, declaration: SettingDeclaration, where: string, key = name): void {
  if (hasType(value, declaration)) return;
  throw new CheckpointError(`${where}: ${key}: expected ${typeName(declaration)}, found ${JSON.stringify(value)}`, {
    pointer: `/${name}`,
  });
}

/** What a setting is when the config does not say it. */
function unsaid(plugin: Plugin, name: string, declaration: SettingDeclaration, layout: LayoutName): Value | DimensionValue {
  const { in: home } = declaration;
  const only = (plugin.limits[layout] ?? []).find((candidate) => candidate.setting === name)?.only;
  const isRelative = isOtherSetting(only) || isNearest(only) || isEveryValue(only);
  const isElsewhere = home !== undefined && home !== layout;
  return isElsewhere && only !== undefined && !isRelative ? only : (formOf(name, declaration, layout).default ?? null);
}

/** A literal as it is; `{ dimension }` and `{ all }` computed. */
export function resolveValue(value: Value | DimensionValue, dimensions: Dimensions): Value {
  if (!isDimensionValue(value)) return value;
  if ("all" in value) return Array.from({ length: dimensions[value.all] ?? 0 }, (_, index) => index);
  return quotient(value.dimension, dimensions);
}

/** Of a number; all else is as it is. */
export const nearestInteger = (value: Value): Value => (typeof value === "number" ? Math.round(value) : value);

function quotient(text: string, dimensions: Dimensions): number {
  const { numerator, denominator } = parseQuotient(text);
  const top = dimensions[numerator] ?? Number.NaN;
  return denominator === undefined ? top : top / (dimensions[denominator] ?? Number.NaN);
}

/** A quotient is a dimension without a setting of its own. */
function dimensionSource(source: Plugin["dimensions"][string]): { setting?: string; default?: string | number } {
  if (typeof source !== "string") return source;
  return isQuotient(source) ? { default: source } : { setting: source };
}

function computeDimensions(plugin: Plugin, raw: Values, where: string): Dimensions {
  const dimensions: Record<string, number> = {};
  for (const [symbol, source] of Object.entries(plugin.dimensions)) {
    const { setting, default: fallback } = dimensionSource(source);
    const said = setting === undefined ? undefined : raw[setting];
    const given = said === undefined && setting !== undefined ? literalDefault(plugin.settings[setting]) : said;
    const size =
      given === undefined || given === null ? (typeof fallback === "number" ? fallback : quotient(fallback ?? "", dimensions)) : given;
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 1) {
      const found = JSON.stringify(given ?? size);
      throw new CheckpointError(`${where}: ${setting ?? fallback}: expected a positive integer, found ${found}`, {
        pointer: `/${settingOf(plugin.dimensions, symbol)}`,
      });
    }
    dimensions[symbol] = size;
  }
  return dimensions;
}

/** Of a setting whose absence says a number; null then still means what the dimension's own default says. */
function literalDefault(declaration: SettingDeclaration | undefined): Value | undefined {
  const value = declaration?.default;
  return isDimensionValue(value) ? undefined : value;
}

function hasType(value: Value, { type, default: fallback, nullable, positive, every }: SettingDeclaration): boolean {
  if (positive === true && typeof value === "number" && value <= 0) return false;
  if (value === null) return nullable === true || type === "any" || type === "token" || fallback !== undefined || every !== undefined;
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value);
    case "float":
      return typeof value === "number" && Number.isFinite(value);
    case "token":
      return Number.isSafeInteger(value) || (Array.isArray(value) && value.length > 0 && value.every(Number.isSafeInteger));
    case "indices":
      return Array.isArray(value) && value.every(Number.isSafeInteger);
    case "list":
      return Array.isArray(value) && value.every((entry) => (every === undefined ? typeof entry !== "object" : entry === 0 || entry === 1));
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    case "any":
      return true;
    default:
      return typeof value === type;
  }
}

function typeName({ type, positive, every }: SettingDeclaration): string {
  if (type === "token") return "a token id or a list of them";
  if (type === "indices") return "a list of whole numbers";
  if (every !== undefined) return "a list of 0 and 1";
  if (positive === true) return `a positive ${type}`;
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}
