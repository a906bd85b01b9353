// Keys of a config that its framework takes for settings of the model, and the plugin has never heard of.

import type { Value, Values } from "../architecture/declaration.js";
import { isObject } from "../format/json.js";
import type { Model } from "./open.js";

/** @returns one line, or none; a null says that there is nothing to compute with */
export function unknownKeys({ layout, checkpoint: { rawConfig, configPath }, match: { plugin } }: Model): string[] {
  const keys = (layout.unknownKeys?.(rawConfig, plugin) ?? []).filter((key) => valueAt(rawConfig, key) !== null);
  if (keys.length === 0) return [];
  const said = keys.map((key) => `${key} ${JSON.stringify(valueAt(rawConfig, key))}`).join(", ");
  return [`${configPath}: ${said}: unknown to ${plugin.name}, so that no forward here computes with it and no other layout holds it`];
}

/** @param key - with dots into objects */
const valueAt = (config: Values, key: string): Value | undefined =>
  key.split(".").reduce<Value | undefined>((value, part) => (isObject(value) ? (value as Values)[part] : undefined), config);
