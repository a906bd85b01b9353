// Puts an engine together: a child container for each, so that engines share nothing. Nothing is resolved anywhere else.

import type { Plugin } from "./architecture/declaration.js";
import { addPlugins, builtInFolders, readPlugin } from "./architecture/load.js";
import { container, type DependencyContainer } from "./di.js";
import type { Context } from "./engine/open.js";
import { type Engine, WeighbridgeEngine } from "./engine.js";
import { HuggingFaceLayout } from "./layout/huggingface/layout.js";
import type { Layout } from "./layout/layout.js";
import { NanotronLayout } from "./layout/nanotron/layout.js";
import { Registry } from "./registry.js";
import { type Reporter, silentReporter } from "./reporter.js";
import { FileStore } from "./store/file-store.js";
import type { Store } from "./store/store.js";
import { LAYOUT, LAYOUTS, PLUGINS, REPORTER, STORE } from "./tokens.js";

/** What a program may put in the place of, or beside, what the package brings. */
export interface EngineOverrides {
  /** Where files are read and written; the local file system by default. */
  readonly store?: Store;
  /** Folders of further plugins, each with a plugin.yaml. */
  readonly plugins?: readonly string[];
  /** Further layouts, beside `huggingface` and `nanotron`. */
  readonly layouts?: readonly Layout[];
  /** Hears progress and warnings of every call; silent by default. */
  readonly reporter?: Reporter;
}

/**
 * An engine of one's own.
 *
 * @throws {DeclarationError} a plugin's declaration is wrong, with every problem in it
 * @throws {UsageError} a folder holds no plugin, or a name is taken
 */
export const createEngine = (overrides: EngineOverrides = {}): Engine => containerOf(overrides).resolve(WeighbridgeEngine);

/** What an engine works with, for tests of its parts. */
export function createContext(overrides: EngineOverrides = {}): Context {
  const child = containerOf(overrides);
  return {
    store: child.resolve<Store>(STORE),
    layouts: child.resolve<Registry<Layout>>(LAYOUTS),
    plugins: child.resolve<Registry<Plugin>>(PLUGINS),
    reporter: child.resolve<Reporter>(REPORTER),
  };
}

function containerOf({
  store = new FileStore(),
  plugins = [],
  layouts = [],
  reporter = silentReporter,
}: EngineOverrides): DependencyContainer {
  const child = container.createChildContainer();
  child.registerInstance<Store>(STORE, store);
  child.registerInstance<Reporter>(REPORTER, reporter);
  for (const layout of [new HuggingFaceLayout(), new NanotronLayout(), ...layouts]) child.registerInstance<Layout>(LAYOUT, layout);
  // Made here and not in factories: tsyringe would wrap a plugin's error in words of its own.
  const known = layoutRegistry(child.resolveAll<Layout>(LAYOUT));
  child.registerInstance(LAYOUTS, known);
  child.registerInstance(PLUGINS, pluginRegistry(plugins, known));
  return child;
}

function layoutRegistry(layouts: readonly Layout[]): Registry<Layout> {
  const registry = new Registry<Layout>("layout");
  for (const layout of layouts) registry.add(layout.name, layout);
  return registry;
}

function pluginRegistry(folders: readonly string[], layouts: Registry<Layout>): Registry<Plugin> {
  const registry = new Registry<Plugin>("plugin");
  const builtIn = builtInFolders().map((folder) => readPlugin(folder, "built in"));
  const added = folders.map((folder) => readPlugin(folder, folder));
  addPlugins(registry, [...builtIn, ...added], layouts.names());
  return registry;
}
