// Which plugin a checkpoint belongs to: the most specific one whose `identify` agrees with its config.

import { CheckpointError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import type { Checkpoint, Layout } from "../layout/layout.js";
import { isNearest } from "./consistency.js";
import type { Plugin, Value, Values } from "./declaration.js";
import { type Configuration, configure, nearestInteger } from "./settings.js";

export interface Match {
  readonly plugin: Plugin;
  readonly configuration: Configuration;
}

/** @throws {CheckpointError} no plugin fits, or two fit equally well */
export function matchPlugin(plugins: readonly Plugin[], checkpoint: Checkpoint, layout: Layout): Match {
  const fitting: Match[] = [];
  const misfits: { readonly error: CheckpointError; readonly isSaid: boolean }[] = [];
  for (const plugin of plugins.filter((candidate) => hasMarkers(candidate, checkpoint))) {
    const raw = layout.readSettings(checkpoint.rawConfig, plugin);
    try {
      const configuration = configure(plugin, raw, layout.name, checkpoint.configPath);
      if (differencesTo(plugin.identify, configuration).length === 0) fitting.push({ plugin, configuration });
    } catch (error) {
      // A plugin that cannot make sense of the config is not this model's; if none can, what the first one says is the reason. A
      // value that is wrong says more than one that is not there: that may only be another family's.
      if (!(error instanceof CheckpointError)) throw error;
      misfits.push({ error, isSaid: raw[error.pointer?.slice(1) ?? ""] !== undefined });
    }
  }
  const specificity = ({ plugin }: Match) => Object.keys(plugin.identify).length;
  const most = Math.max(...fitting.map(specificity));
  const [best, rival] = fitting.filter((match) => specificity(match) === most);
  if (best === undefined) {
    const reason = misfits.find(({ isSaid }) => isSaid) ?? misfits[0];
    if (reason !== undefined) throw reason.error;
    throw new CheckpointError(
      `${checkpoint.configPath}: no plugin fits this model (model_type ${JSON.stringify(checkpoint.rawConfig.model_type ?? null)})`,
      {
        hint: `name one with --plugin; known: ${plugins.map(({ name }) => name).join(", ")}`,
      },
    );
  }
  if (rival !== undefined)
    throw new CheckpointError(`${checkpoint.configPath}: plugins ${best.plugin.name} and ${rival.plugin.name} fit equally well`, {
      hint: "choose one with --plugin",
    });
  return best;
}

/** The layout's own marks; a plugin without any for a layout does not claim its checkpoints. */
function hasMarkers({ markers: byLayout }: Plugin, checkpoint: Checkpoint): boolean {
  const markers = byLayout[checkpoint.configStyle] ?? {};
  return Object.keys(markers).length > 0 && unlikeMarkers(markers, checkpoint).length === 0;
}

const unlikeMarkers = (markers: Values, { rawConfig }: Checkpoint): [string, Value][] =>
  Object.entries(markers).filter(([key, value]) => !sameJson(rawConfig[key] as Json | undefined, value as Json));

/** Settings that are not as expected, each with what was expected. */
export const differencesTo = (expected: Values, { settings }: Configuration): [string, Value][] =>
  Object.entries(expected).filter(([name, value]) => !sameJson(settings[name] as Json, value as Json));

/** What the plugin expects and the checkpoint does not have, one line each: published values, and for a plugin named by hand its marks. */
export function differences({ plugin, configuration }: Match, checkpoint: Checkpoint): string[] {
  const says = (name: string, expected: Value, found: Value | undefined) =>
    `${name}: ${plugin.name} expects ${JSON.stringify(expected)}, found ${found === undefined ? "nothing" : JSON.stringify(found)}`;
  const limits = plugin.limits[checkpoint.layout] ?? [];
  const isRounded = (name: string) => limits.some(({ setting, only }) => setting === name && isNearest(only));
  const expected = Object.entries({ ...plugin.identify, ...plugin.expect }).map(([name, value]) => [
    name,
    isRounded(name) ? nearestInteger(value) : value,
  ]);
  return [
    ...unlikeMarkers(plugin.markers[checkpoint.configStyle] ?? {}, checkpoint).map(([key, value]) =>
      says(key, value, checkpoint.rawConfig[key]),
    ),
    ...differencesTo(Object.fromEntries(expected), configuration).map(([name, value]) => says(name, value, configuration.settings[name])),
  ];
}
