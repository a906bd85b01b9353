// The engine as a program meets it: one method per command.

import type { Plugin } from "./architecture/declaration.js";
import { addPlugins, builtInPlugins, readPlugin } from "./architecture/load.js";
import { type ConvertOptions, type ConvertResult, convert } from "./engine/convert.js";
import { type Context, type PlanOptions, type Prepared, prepare } from "./engine/prepare.js";
import { type VerifyOptions, type VerifyReport, verify } from "./engine/verify.js";
import { HuggingFaceLayout } from "./layout/huggingface/layout.js";
import type { Layout } from "./layout/layout.js";
import { NanotronLayout } from "./layout/nanotron/layout.js";
import { Registry } from "./registry.js";
import { FileStore } from "./store/file-store.js";
import type { Store } from "./store/store.js";

export interface EngineOverrides {
  readonly store?: Store;
  /** Folders of further plugins. */
  readonly plugins?: readonly string[];
}

export interface Engine {
  /** Convert a checkpoint folder into a new one. Nothing is left on failure. */
  convert(source: string, destination: string, options: ConvertOptions): Promise<ConvertResult>;
  /** Compile and prove what a conversion would do; reads headers only. */
  plan(source: string, options: PlanOptions): Promise<Prepared>;
  /** Compare two checkpoints, whatever their layouts and topologies. */
  verify(a: string, b: string, options?: VerifyOptions): Promise<VerifyReport>;
  plugins(): readonly Plugin[];
}

/** @throws {DeclarationError} a plugin's declaration is wrong */
export function createEngine({ store = new FileStore(), plugins = [] }: EngineOverrides = {}): Engine {
  const layouts = new Registry<Layout>("layout");
  for (const layout of [new HuggingFaceLayout(), new NanotronLayout()]) layouts.add(layout.name, layout);
  const registry = builtInPlugins();
  addPlugins(registry, plugins.map(readPlugin), "added");
  const context: Context = { store, layouts, plugins: registry };
  return {
    convert: (source, destination, options) => convert(context, source, destination, options),
    plan: (source, options) => prepare(context, source, options),
    verify: (a, b, options = {}) => verify(context, a, b, options),
    plugins: () => registry.all(),
  };
}
