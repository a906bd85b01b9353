// A checkpoint's configuration as the plugin's settings: typed, defaults filled in, dimensions computed.
// The layouts read their config files into raw values; this module makes Settings of them.

import { CheckpointError } from "../errors.js";
import { isDimensionValue, isNearest, isOtherSetting } from "./consistency.js";
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
    if (value === undefined && form.default === undefined)
      throw new CheckpointError(`${where}: ${form.key} is missing`, { pointer: `/${name}` });
    if (value !== undefined) checkValue(name, value, declaration, where, form.key);
  }
  const dimensions = computeDimensions(plugin, raw, where);
  const settings: Record<string, Value> = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = raw[name];
    // A null id or object says something ("no such token"); a null number or name is as good as absent.
    const isNullValue = declaration.nullable === true || ["token", "object", "any"].includes(declaration.type);
    const isGiven = value !== undefined && (value !== null || isNullValue);
    settings[name] = isGiven ? value : resolveValue(unsaid(plugin, name, declaration, layout), dimensions);
  }
  return { settings, dimensions };
}

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
  const isExpressed = home !== undefined && home !== layout && only !== undefined && !isOtherSetting(only) && !isNearest(only);
  return isExpressed ? only : (formOf(name, declaration, layout).default ?? null);
}

/** A literal as it is; `{ dimension }` computed. */
export function resolveValue(value: Value | DimensionValue, dimensions: Dimensions): Value {
  return isDimensionValue(value) ? quotient(value.dimension, dimensions) : value;
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
    const given = setting === undefined ? undefined : raw[setting];
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

function hasType(value: Value, { type, default: fallback, nullable, positive }: SettingDeclaration): boolean {
  if (positive === true && typeof value === "number" && value <= 0) return false;
  if (value === null) return nullable === true || type === "any" || type === "token" || fallback !== undefined;
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value);
    case "float":
      return typeof value === "number" && Number.isFinite(value);
    case "token":
      return Number.isSafeInteger(value) || (Array.isArray(value) && value.length > 0 && value.every(Number.isSafeInteger));
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    case "any":
      return true;
    default:
      return typeof value === type;
  }
}

function typeName({ type, positive }: SettingDeclaration): string {
  if (type === "token") return "a token id or a list of them";
  if (positive === true) return `a positive ${type}`;
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}
