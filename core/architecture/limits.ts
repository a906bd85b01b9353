// What one side's framework computes and the other's cannot express.

import { UnsupportedError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import { isEveryValue, isNearest, isOtherSetting } from "./consistency.js";
import type { LayoutName, Limit, Value } from "./declaration.js";
import { everyNth, intervalOf } from "./lists.js";
import type { Match } from "./match.js";
import { nearestInteger, resolveValue, type Settings } from "./settings.js";

/**
 * Limits of either layout that the model exceeds; between two checkpoints of one layout nothing is lost.
 *
 * @returns the losses that were allowed, one line each
 * @throws {UnsupportedError} a loss of weights, or a loss of meaning that was not allowed
 */
export function semanticLosses(match: Match, source: LayoutName, target: LayoutName, allow: boolean): string[] {
  if (source === target) return [];
  const { plugin, configuration } = match;
  const { settings } = configuration;
  const limits = [...(plugin.limits[target] ?? []), ...(plugin.limits[source] ?? [])];
  const exceeded = limits.filter((limit) => isExceeded(limit, match));
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
export function effectiveSettings(match: Match, layout: LayoutName): Settings {
  const { plugin, configuration } = match;
  const ignored = (plugin.limits[layout] ?? []).filter((limit) => limit.only !== undefined && isExceeded(limit, match));
  const taken = ignored.map((limit) => [limit.setting, onlyValue(limit, match)]);
  return { ...configuration.settings, ...Object.fromEntries(taken) };
}

export function isExceeded(limit: Limit, match: Match): boolean {
  const { setting, only, never } = limit;
  const value = match.configuration.settings[setting] ?? null;
  if (never !== undefined) return sameJson(value as Json, never as Json);
  if (isEveryValue(only)) return intervalOf(value) === undefined;
  return !sameJson(value as Json, onlyValue(limit, match) as Json);
}

/** What a limit's framework takes in the place of a value that it cannot express: of a list, as long a one. */
export function onlyValue({ setting, only = null }: Limit, { plugin, configuration: { settings, dimensions } }: Match): Value {
  if (isOtherSetting(only)) return settings[only.setting] ?? null;
  if (isNearest(only)) return nearestInteger(settings[setting] ?? null);
  const length = dimensions[plugin.settings[setting]?.each ?? ""];
  if (isEveryValue(only)) return everyNth(null, length ?? 0);
  const value = resolveValue(only, dimensions);
  return length === undefined ? value : Array.from({ length }, () => value);
}
