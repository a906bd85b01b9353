// What one side's framework computes and the other's cannot express.

import { UnsupportedError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import type { LayoutName, Limit } from "./declaration.js";
import type { Match } from "./match.js";
import { resolveValue } from "./settings.js";

/**
 * Limits of either layout that the model exceeds; between two checkpoints of one layout nothing is lost.
 *
 * @returns the losses that were allowed, one line each
 * @throws {UnsupportedError} a loss of weights, or a loss of meaning that was not allowed
 */
export function semanticLosses({ plugin, configuration }: Match, source: LayoutName, target: LayoutName, allow: boolean): string[] {
  if (source === target) return [];
  const { settings, dimensions } = configuration;
  const exceeded = [...plugin.limits[target], ...plugin.limits[source]].filter(
    ({ setting, only }) => !sameJson(settings[setting] as Json, resolveValue(only, dimensions) as Json),
  );
  const line = ({ setting, because }: Limit) => `${setting} ${JSON.stringify(settings[setting])}: ${because}`;
  const weights = exceeded.find(({ loss }) => loss === "weights");
  if (weights !== undefined) throw new UnsupportedError(`${target} cannot hold this model: ${line(weights)}`, false);
  if (exceeded.length > 0 && !allow) {
    throw new UnsupportedError(`${target} would compute another function: ${exceeded.map(line).join("; ")}`, true, {
      hint: "--allow-semantic-loss converts the weights all the same",
    });
  }
  return exceeded.map(line);
}
