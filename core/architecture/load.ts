// Finds plugin folders on disk and completes them, families first.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeclarationError, UsageError } from "../errors.js";
import { MAX_YAML_BYTES } from "../format/yaml.js";
import type { Registry } from "../registry.js";
import { nearestName } from "../suggest.js";
import type { LayoutName, Plugin } from "./declaration.js";
import { completePlugin, type ParsedPlugin, parsePlugin } from "./plugin.js";

const FILE_NAME = "plugin.yaml";

/**
 * @param origin - where the plugin comes from, for `plugins list`
 * @throws {UsageError} no plugin.yaml there; {DeclarationError} it breaks the schema
 */
export function readPlugin(folder: string, origin: string): ParsedPlugin {
  const path = join(folder, FILE_NAME);
  return parsePlugin(readBounded(path, noPlugin(folder)), path, origin);
}

const noPlugin = (folder: string) => ({
  what: `${folder}: expected a plugin folder with ${FILE_NAME}, found none`,
  hint: "give the folder that holds it, not the file",
});

/**
 * A link may lead to what has no end, so that only a regular file of a plugin's size is read.
 *
 * @param missing - what to say when there is none
 * @throws {UsageError} there is none, or it is no such file
 */
export function readBounded(path: string, { what, hint }: { what: string; hint: string }): string {
  try {
    const found = statSync(path);
    if (!found.isFile()) throw new UsageError(`${path}: expected a regular file`);
    if (found.size > MAX_YAML_BYTES) throw new UsageError(`${path}: expected at most ${MAX_YAML_BYTES} bytes, found ${found.size}`);
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(what, { cause, hint });
  }
}

/** Folders of the plugins that ship with the package. */
export function builtInFolders(): string[] {
  const root = join(fileURLToPath(import.meta.resolve("#plugins/llama/plugin.yaml")), "../..");
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => join(root, name));
}

/** A plugin that ships, as it was completed when the package was built. */
interface Compiled {
  readonly text: string;
  readonly plugin: Plugin;
}

const BUILT_IN = "built in";

/** What a build keeps of the plugins that ship: by folder, in the order in which they are to be registered. */
export function compiledPlugins(registry: Registry<Plugin>): Record<string, Compiled> {
  const folders = new Map(builtInFolders().map((folder) => [readPlugin(folder, BUILT_IN).declaration.name, folder]));
  const entries = registry.all().map((plugin) => {
    const folder = folders.get(plugin.name) ?? "";
    return [basename(folder), { text: readFileSync(join(folder, FILE_NAME), "utf8"), plugin }] as const;
  });
  return Object.fromEntries(entries);
}

/** Register the plugins that ship: from what the build made of them, or, if a file was changed since, from the files. */
export function addBuiltInPlugins(registry: Registry<Plugin>, layouts: readonly LayoutName[]): void {
  const folders = builtInFolders();
  const compiled = readCompiled();
  const isCurrent = ([name, { text }]: [string, Compiled]) =>
    folders.some((folder) => basename(folder) === name && readFileSync(join(folder, FILE_NAME), "utf8") === text);
  const entries = Object.entries(compiled);
  if (entries.length === folders.length && entries.every(isCurrent)) {
    for (const [, { plugin }] of entries) registry.add(plugin.name, plugin);
    return;
  }
  addPlugins(
    registry,
    folders.map((folder) => readPlugin(folder, BUILT_IN)),
    layouts,
  );
}

function readCompiled(): Record<string, Compiled> {
  try {
    return JSON.parse(readFileSync(fileURLToPath(import.meta.resolve("#compiled/generated/built-in-plugins.json")), "utf8"));
  } catch {
    return {}; // not built to its end: the files have it all
  }
}

/**
 * Complete parsed plugins, each after the family that it extends, and register them.
 *
 * @param layouts - the names that a declaration may speak of
 * @throws {DeclarationError} one of them is wrong; {UsageError} a name is taken
 */
export function addPlugins(registry: Registry<Plugin>, parsed: readonly ParsedPlugin[], layouts: readonly LayoutName[]): void {
  const waiting = new Map<string, ParsedPlugin>();
  for (const plugin of parsed) {
    const { name } = plugin.declaration;
    if (registry.names().includes(name))
      throw new UsageError(`plugin ${JSON.stringify(name)} is declared twice: ${registry.get(name).origin} and in ${plugin.path}`);
    if (waiting.has(name))
      throw new UsageError(`plugin ${JSON.stringify(name)} is declared twice: ${waiting.get(name)?.path} and ${plugin.path}`);
    waiting.set(name, plugin);
  }
  const visit = (plugin: ParsedPlugin, path: readonly string[]): void => {
    const { name, extends: family } = plugin.declaration;
    if (!waiting.has(name)) return;
    if (path.includes(name)) throw extendsError(plugin, `extends itself: ${[...path, name].join(" → ")}`);
    const parent = family === undefined ? undefined : waiting.get(family);
    if (parent !== undefined) visit(parent, [...path, name]);
    waiting.delete(name);
    registry.add(name, completePlugin(plugin, familyOf(plugin, registry), layouts));
  };
  for (const plugin of parsed) visit(plugin, []);
}

/**
 * Complete a plugin as if it were registered, without doing so: a built-in one may be checked too.
 *
 * @throws {DeclarationError} with every problem found
 */
export const checkedPlugin = (parsed: ParsedPlugin, registry: Registry<Plugin>, layouts: readonly LayoutName[]): Plugin =>
  completePlugin(parsed, familyOf(parsed, registry), layouts);

function familyOf(plugin: ParsedPlugin, registry: Registry<Plugin>): Plugin | undefined {
  const { extends: family } = plugin.declaration;
  if (family === undefined) return undefined;
  if (registry.names().includes(family)) return registry.get(family);
  const near = nearestName(family, registry.names());
  const hint = near === undefined ? `known: ${registry.names().join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
  throw extendsError(plugin, `no plugin is called ${JSON.stringify(family)}; ${hint}`);
}

const extendsError = ({ path, document }: ParsedPlugin, message: string): DeclarationError =>
  new DeclarationError([{ file: path, line: document.lineOf("/extends"), pointer: "/extends", message }]);
