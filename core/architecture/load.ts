// Finds plugin folders on disk and completes them, families first.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeclarationError, UsageError } from "../errors.js";
import { Registry } from "../registry.js";
import type { Plugin } from "./declaration.js";
import { completePlugin, type ParsedPlugin, parsePlugin } from "./plugin.js";

const FILE_NAME = "plugin.yaml";

/** @throws {UsageError} no plugin.yaml there; {DeclarationError} it breaks the schema */
export function readPlugin(folder: string): ParsedPlugin {
  const path = join(folder, FILE_NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(`${folder}: expected a plugin folder with ${FILE_NAME}, found none`, { cause });
  }
  return parsePlugin(text, path);
}

/** The plugins that ship with the package, completed. */
export function builtInPlugins(): Registry<Plugin> {
  const root = join(fileURLToPath(import.meta.resolve("#plugins/llama/plugin.yaml")), "../..");
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const registry = new Registry<Plugin>("plugin");
  addPlugins(
    registry,
    folders.map(({ name }) => readPlugin(join(root, name))),
    "built in",
  );
  return registry;
}

/** Complete parsed plugins in the order of their `extends`, and register them. */
export function addPlugins(registry: Registry<Plugin>, parsed: readonly ParsedPlugin[], origin: string): void {
  const waiting = new Map(parsed.map((plugin) => [plugin.declaration.name, plugin]));
  const visit = (plugin: ParsedPlugin, path: readonly string[]): void => {
    const { name, extends: family } = plugin.declaration;
    if (!waiting.has(name)) return;
    if (path.includes(name)) {
      throw new DeclarationError([
        {
          file: plugin.path,
          line: plugin.document.lineOf("/extends"),
          pointer: "/extends",
          message: `extends itself: ${[...path, name].join(" → ")}`,
        },
      ]);
    }
    const parent = family === undefined ? undefined : waiting.get(family);
    if (parent !== undefined) visit(parent, [...path, name]);
    waiting.delete(name);
    registry.add(name, completePlugin(plugin, family === undefined ? undefined : registry.get(family), origin));
  };
  for (const plugin of parsed) visit(plugin, []);
}
