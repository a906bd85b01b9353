// What one side's framework computes and the other's cannot express.

import { UnsupportedError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import { isNearest, isOtherSetting } from "./consistency.js";
import type { LayoutName, Limit, Value } from "./declaration.js";
import type { Match } from "./match.js";
import { type Configuration, nearestInteger, resolveValue, type Settings } from "./settings.js";

/**
 * Limits of either layout that the model exceeds; between two checkpoints of one layout nothing is lost.
 *
 * @returns the losses that were allowed, one line each
 * @throws {UnsupportedError} a loss of weights, or a loss of meaning that was not allowed
 */
export function semanticLosses({ plugin, configuration }: Match, source: LayoutName, target: LayoutName, allow: boolean): string[] {
  if (source === target) return [];
  const { settings } = configuration;
  const limits = [...(plugin.limits[target] ?? []), ...(plugin.limits[source] ?? [])];
  const exceeded = limits.filter((limit) => isExceeded(limit, configuration));
  const line = ({ setting, because }: Limit) => `${setting} ${JSON.stringify(settings[setting])}: ${because}`;
  const weights = exceeded.find(({ loss }) => loss === "weights");
  if (weights !== undefined)
    throw new UnsupportedError(`${target} cannot hold this model: ${line(weights)}`, false, { pointer: `/${weights.setting}` });
  if (exceeded.length > 0 && !allow) {
    throw new UnsupportedError(`${target} would compute another function: ${exceeded.map(line).join("; ")}`, true, {
      hint: "--allow-semantic-loss converts the weights all the same",
      pointer: `/${exceeded[0]?.setting}`,
    });
  }
  return exceeded.map(line);
}

/** The settings as a layout's framework takes them: where it ignores one, at the only value it can express. */
export function effectiveSettings({ plugin, configuration }: Match, layout: LayoutName): Settings {
  const ignored = (plugin.limits[layout] ?? []).filter((limit) => limit.only !== undefined && isExceeded(limit, configuration));
  const taken = ignored.map((limit) => [limit.setting, expressible(limit, configuration)]);
  return { ...configuration.settings, ...Object.fromEntries(taken) };
}

export function isExceeded(limit: Limit, configuration: Configuration): boolean {
  const value = configuration.settings[limit.setting] as Json;
  if (limit.never !== undefined) return sameJson(value, limit.never as Json);
  return !sameJson(value, expressible(limit, configuration) as Json);
}

/** The one value that the framework can express, of a limit that has one. */
export function expressible({ setting, only = null }: Limit, { settings, dimensions }: Configuration): Value {
  if (isOtherSetting(only)) return settings[only.setting] ?? null;
  if (isNearest(only)) return nearestInteger(settings[setting] ?? null);
  return resolveValue(only, dimensions);
}
