// A plugin by its name among those there are, or an error that suggests one.

import type { Plugin } from "../architecture/declaration.js";
import { UsageError } from "../errors.js";
import { nearestName } from "../suggest.js";

/** @throws {UsageError} none has the name */
export function findPlugin(plugins: readonly Plugin[], name: string): Plugin {
  const plugin = plugins.find((candidate) => candidate.name === name);
  if (plugin !== undefined) return plugin;
  const names = plugins.map((candidate) => candidate.name);
  const near = nearestName(name, names);
  const hint = near === undefined ? `known: ${names.join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
  throw new UsageError(`no plugin is called ${JSON.stringify(name)}`, { hint });
}
