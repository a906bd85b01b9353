// Which plugin a checkpoint belongs to: the most specific one whose `identify` agrees with its config.

import { CheckpointError } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import type { Checkpoint, Layout } from "../layout/layout.js";
import type { Plugin } from "./declaration.js";
import { type Configuration, configure } from "./settings.js";

export interface Match {
  readonly plugin: Plugin;
  readonly configuration: Configuration;
}

/** @throws {CheckpointError} no plugin fits, or two fit equally well */
export function matchPlugin(plugins: readonly Plugin[], checkpoint: Checkpoint, layout: Layout): Match {
  const fitting = plugins
    .filter((plugin) => hasMarkers(plugin, checkpoint))
    .flatMap((plugin) => {
      const configuration = configure(plugin, layout.readSettings(checkpoint, plugin), checkpoint.configPath);
      const agrees = Object.entries(plugin.identify).every(([name, value]) =>
        sameJson(configuration.settings[name] as Json, value as Json),
      );
      return agrees ? [{ plugin, configuration }] : [];
    });
  const specificity = ({ plugin }: Match) => Object.keys(plugin.identify).length;
  const most = Math.max(...fitting.map(specificity));
  const [best, rival] = fitting.filter((match) => specificity(match) === most);
  if (best === undefined) {
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
function hasMarkers({ markers: byLayout }: Plugin, { configStyle, rawConfig }: Checkpoint): boolean {
  const markers = Object.entries(byLayout[configStyle] ?? {});
  return markers.length > 0 && markers.every(([key, value]) => sameJson(rawConfig[key] as Json | undefined, value as Json));
}

/** Published values that a checkpoint does not have, one line each. */
export function differences({ plugin, configuration }: Match): string[] {
  return Object.entries(plugin.expect)
    .filter(([name, value]) => !sameJson(configuration.settings[name] as Json, value as Json))
    .map(
      ([name, value]) => `${name}: ${plugin.name} expects ${JSON.stringify(value)}, found ${JSON.stringify(configuration.settings[name])}`,
    );
}
