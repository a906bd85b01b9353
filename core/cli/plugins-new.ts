// weighbridge plugins new: a folder with a plugin that passes its test at once.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Command } from "commander";
import type { Values } from "../architecture/declaration.js";
import { StorageError, UsageError } from "../errors.js";
import { parseObject, plain } from "../format/json.js";
import { findPlugin } from "./find-plugin.js";
import { withJson } from "./options.js";
import { print, printDocument } from "./output.js";
import { openSession } from "./session.js";

interface Flags {
  readonly extends: string;
  readonly config?: string;
  readonly json?: boolean;
}

export const addPluginsNew = (plugins: Command): void => {
  withJson(
    plugins
      .command("new <name>")
      .description("make a folder with a plugin, its cases and a README")
      .option("--extends <family>", "the plugin that it refines", "llama")
      .option("--config <file>", "the model's config.json; a small model of the family's by default"),
  ).action(runNew);
};

const NAME = /^[a-z0-9][a-z0-9._-]*$/;

async function runNew(folder: string, { extends: extended, config, json }: Flags): Promise<void> {
  const name = basename(folder);
  if (!NAME.test(name)) {
    throw new UsageError(`${JSON.stringify(name)}: expected a plugin's name: lower-case letters, digits, ".", "_" and "-"`);
  }
  if (existsSync(folder)) throw new UsageError(`${folder} is there already`, { hint: "choose another name, or remove it" });
  const { engine } = await openSession({});
  const known = engine.plugins();
  if (known.some((plugin) => plugin.name === name)) {
    throw new UsageError(`there is a plugin called ${JSON.stringify(name)} already`, { hint: "choose another name" });
  }
  const family = findPlugin(known, extended);
  const { checkNewPlugin, exampleOf, newPluginFiles } = await import("../scaffold/new-plugin.js");
  const wanted = { name, family, config: config === undefined ? exampleOf(family.name) : readConfig(config) };
  checkNewPlugin(wanted, known);
  const files = newPluginFiles(wanted);
  const paths = write(folder, files);
  if (json === true) printDocument({ plugin: name, extends: family.name, files: paths });
  else print(`wrote ${paths.join(", ")}`);
}

function readConfig(path: string): Values {
  try {
    return plain(parseObject(readFileSync(path, "utf8"), path)) as Values;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && typeof cause.code === "string" && "syscall" in cause)) throw cause;
    throw new UsageError(`${path}: expected a config.json, found none that can be read`, { cause, hint: "--config takes the file" });
  }
}

function write(folder: string, files: Readonly<Record<string, string>>): string[] {
  try {
    mkdirSync(folder, { recursive: true });
    return Object.entries(files).map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text, { flag: "wx" });
      return path;
    });
  } catch (cause) {
    throw new StorageError(`cannot write ${folder}: ${(cause as Error).message}`, { cause });
  }
}
