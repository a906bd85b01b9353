// Puts an engine together: a child container for each, so that engines share nothing. Nothing is resolved anywhere else.

import { llamaForwards } from "../plugins/llama/forwards.js";
import { qwen2Forwards } from "../plugins/qwen2/forwards.js";
import { qwen2MoeForwards } from "../plugins/qwen2-moe/forwards.js";
import { smollm3Forwards } from "../plugins/smollm3/forwards.js";
import { starcoder2Forwards } from "../plugins/starcoder2/forwards.js";
import type { Plugin } from "./architecture/declaration.js";
import { addBuiltInPlugins, addPlugins, readPlugin } from "./architecture/load.js";
import type { PluginPackage } from "./architecture/packages.js";
import { container, type DependencyContainer } from "./di.js";
import type { Context } from "./engine/open.js";
import { type Engine, WeighbridgeEngine } from "./engine.js";
import { cpuProvider } from "./executor/cpu/provider.js";
import type { ExecutorProvider } from "./executor/executor.js";
import { webgpuProvider } from "./executor/webgpu/provider.js";
import type { FamilyForwards } from "./forward/forward.js";
import { HuggingFaceLayout } from "./layout/huggingface/layout.js";
import type { Layout } from "./layout/layout.js";
import { NanotronLayout } from "./layout/nanotron/layout.js";
import { Registry } from "./registry.js";
import { type Reporter, silentReporter } from "./reporter.js";
import { FileStore } from "./store/file-store.js";
import type { Store } from "./store/store.js";
import { EXECUTORS, FORWARDS, LAYOUT, LAYOUTS, PLUGINS, REPORTER, STORE } from "./tokens.js";

const BUILT_IN_FORWARDS = Object.entries({
  llama: llamaForwards,
  qwen2: qwen2Forwards,
  "qwen2-moe": qwen2MoeForwards,
  smollm3: smollm3Forwards,
  starcoder2: starcoder2Forwards,
});

/** What a program may put in the place of, or beside, what the package brings. */
export interface EngineOverrides {
  /** Where files are read and written; the local file system by default. */
  readonly store?: Store;
  /** Folders of further plugins, each with a plugin.yaml. */
  readonly plugins?: readonly string[];
  /** Plugins of npm packages, as `installedPackages` finds them. Their code does not run: give it as `forwards`. */
  readonly packages?: readonly PluginPackage[];
  /** Further layouts, beside `huggingface` and `nanotron`. */
  readonly layouts?: readonly Layout[];
  /** Further executors; `auto` tries them before the built-in ones. */
  readonly executors?: readonly ExecutorProvider[];
  /** Forwards of further families, by the family's name. */
  readonly forwards?: Readonly<Record<string, FamilyForwards>>;
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
    executors: child.resolve<Registry<ExecutorProvider>>(EXECUTORS),
    forwards: child.resolve<Registry<FamilyForwards>>(FORWARDS),
    reporter: child.resolve<Reporter>(REPORTER),
  };
}

function containerOf(overrides: EngineOverrides): DependencyContainer {
  const {
    store = new FileStore(),
    plugins = [],
    packages = [],
    layouts = [],
    executors = [],
    forwards = {},
    reporter = silentReporter,
  } = overrides;
  const child = container.createChildContainer();
  child.registerInstance<Store>(STORE, store);
  child.registerInstance<Reporter>(REPORTER, reporter);
  for (const layout of [new HuggingFaceLayout(), new NanotronLayout(), ...layouts]) child.registerInstance<Layout>(LAYOUT, layout);
  // Made here and not in factories: tsyringe would wrap a plugin's error in words of its own.
  const known = registryOf(
    "layout",
    child.resolveAll<Layout>(LAYOUT).map((layout) => [layout.name, layout]),
  );
  child.registerInstance(LAYOUTS, known);
  child.registerInstance(
    EXECUTORS,
    registryOf(
      "executor",
      [...executors, webgpuProvider, cpuProvider].map((provider) => [provider.name, provider]),
    ),
  );
  child.registerInstance(FORWARDS, registryOf("family", [...BUILT_IN_FORWARDS, ...Object.entries(forwards)]));
  child.registerInstance(PLUGINS, pluginRegistry(plugins, packages, known));
  return child;
}

function registryOf<T>(kind: string, entries: readonly (readonly [name: string, entry: T])[]): Registry<T> {
  const registry = new Registry<T>(kind);
  for (const [name, entry] of entries) registry.add(name, entry);
  return registry;
}

function pluginRegistry(folders: readonly string[], packages: readonly PluginPackage[], layouts: Registry<Layout>): Registry<Plugin> {
  const registry = new Registry<Plugin>("plugin");
  addBuiltInPlugins(registry, layouts.names());
  const added = folders.map((folder) => readPlugin(folder, folder));
  const packaged = packages.flatMap(({ name, version, folders: own }) => own.map((folder) => readPlugin(folder, `${name}@${version}`)));
  addPlugins(registry, [...packaged, ...added], layouts.names());
  return registry;
}
