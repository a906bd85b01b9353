// Which of the packages found bring plugins that hold, so that a broken one stops nobody who does not need it.

import { WeighbridgeError } from "../errors.js";
import { Registry } from "../registry.js";
import type { LayoutName, Plugin } from "./declaration.js";
import { addBuiltInPlugins, addPlugins, readPlugin } from "./load.js";
import type { BrokenPackage, FoundPackages, PluginPackage } from "./packages.js";
import type { ParsedPlugin } from "./plugin.js";

interface Parsed {
  readonly of: PluginPackage;
  readonly plugins: readonly ParsedPlugin[];
}

/**
 * Complete every package's plugins, each after those that it extends.
 *
 * @returns the packages whose plugins all hold, and the others, each with what is wrong with it
 */
export function soundPackages({ packages, broken }: FoundPackages, layouts: readonly LayoutName[]): FoundPackages {
  if (packages.length === 0) return { packages, broken };
  const failures: BrokenPackage[] = [...broken];
  const sound: PluginPackage[] = [];
  const waiting: Parsed[] = [];
  for (const each of packages) {
    const outcome = attempt(() => parsed(each));
    if (outcome instanceof WeighbridgeError) failures.push(brokenBy(each, outcome));
    else waiting.push(outcome);
  }
  let known = new Registry<Plugin>("plugin");
  addBuiltInPlugins(known, layouts);
  // One that extends another package's plugin holds once that one is known.
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length;
    for (const candidate of [...waiting]) {
      const outcome = attempt(() => withPlugins(known, candidate, layouts));
      if (outcome instanceof WeighbridgeError) continue;
      known = outcome;
      sound.push(candidate.of);
      waiting.splice(waiting.indexOf(candidate), 1);
    }
  }
  for (const left of waiting) {
    const outcome = attempt(() => withPlugins(known, left, layouts));
    if (outcome instanceof WeighbridgeError) failures.push(brokenBy(left.of, outcome));
  }
  return { packages: packages.filter((each) => sound.includes(each)), broken: failures };
}

const parsed = (of: PluginPackage): Parsed => ({ of, plugins: of.folders.map((folder) => readPlugin(folder, `${of.name}@${of.version}`)) });

function withPlugins(known: Registry<Plugin>, { plugins }: Parsed, layouts: readonly LayoutName[]): Registry<Plugin> {
  const registry = new Registry<Plugin>("plugin");
  for (const plugin of known.all()) registry.add(plugin.name, plugin);
  addPlugins(registry, plugins, layouts);
  return registry;
}

const brokenBy = ({ name, root }: PluginPackage, error: WeighbridgeError): BrokenPackage => ({ name, folder: root, error });

function attempt<T>(run: () => T): T | WeighbridgeError {
  try {
    return run();
  } catch (error) {
    if (error instanceof WeighbridgeError) return error;
    throw error;
  }
}
