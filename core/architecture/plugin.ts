// From a plugin's text to a complete Plugin: schema, then what it extends, then what no schema can say.

import semver from "semver";
import validatePlugin from "#validators/plugin";
import { DeclarationError } from "../errors.js";
import { parseYaml, type YamlDocument } from "../format/yaml.js";
import { packageVersion } from "../version.js";
import { declarationProblems } from "./consistency.js";
import type { ByLayout, LayoutName, Plugin, PluginFile, Values } from "./declaration.js";
import { schemaProblems } from "./schema.js";

export interface ParsedPlugin {
  readonly path: string;
  /** Where the plugin comes from, for `plugins list`. */
  readonly origin: string;
  readonly document: YamlDocument;
  readonly declaration: PluginFile;
}

/**
 * @param path - the plugin.yaml's path, named in errors
 * @throws {DeclarationError} with every breach of the schema, or it is for another version of weighbridge
 */
export function parsePlugin(text: string, path: string, origin: string): ParsedPlugin {
  const document = parseYaml(text, path);
  const problems = schemaProblems(document, path, validatePlugin);
  if (problems.length > 0) throw new DeclarationError(problems);
  const declaration = document.value as PluginFile;
  const message = incompatibility(declaration.weighbridge);
  if (message !== undefined)
    throw new DeclarationError([{ file: path, line: document.lineOf("/weighbridge"), pointer: "/weighbridge", message }]);
  return { path, origin, document, declaration };
}

/** A plugin for another engine may say what this one takes for something else. */
function incompatibility(range: string | undefined): string | undefined {
  if (range === undefined) return undefined;
  if (semver.validRange(range) === null) return `expected a semver range such as "^${packageVersion()}", found ${JSON.stringify(range)}`;
  if (semver.satisfies(packageVersion(), range, { includePrerelease: true })) return undefined;
  return `the plugin is for weighbridge ${range}, and this is ${packageVersion()}`;
}

/**
 * Fill in what the plugin takes from its family, and check the whole.
 *
 * @param family - the plugin that `extends` names; undefined when it names none
 * @param layouts - the layouts there are; a plugin that speaks of another has a spelling mistake
 * @throws {DeclarationError} with every inconsistency
 */
export function completePlugin(parsed: ParsedPlugin, family: Plugin | undefined, layouts: readonly LayoutName[]): Plugin {
  const { declaration: own, document, path, origin } = parsed;
  const { settings: identified, ...markers } = own.identify ?? {};
  const plugin: Plugin = {
    name: own.name,
    description: own.description ?? family?.description ?? "",
    family: family?.family ?? own.name,
    origin,
    markers: { ...family?.markers, ...markers },
    identify: { ...family?.identify, ...identified },
    dimensions: { ...family?.dimensions, ...own.dimensions },
    settings: { ...family?.settings, ...own.settings },
    constants: mergeByLayout(family?.constants, own.constants),
    forward: own.forward ?? family?.forward ?? [],
    expect: { ...family?.expect, ...own.expect, ...ropeExpectations(own) },
    limits: { ...family?.limits, ...own.limits },
    blocks: own.blocks ?? family?.blocks ?? [],
    parameterless: own.parameterless ?? family?.parameterless ?? [],
    ignore: own.ignore ?? family?.ignore ?? [],
  };
  const problems = declarationProblems(plugin, layouts).map(({ pointer, message }) => ({
    file: path,
    line: document.lineOf(pointer),
    pointer,
    message,
  }));
  if (problems.length > 0) throw new DeclarationError(problems);
  return plugin;
}

function mergeByLayout(family: ByLayout<Values> = {}, own: ByLayout<Values> = {}): ByLayout<Values> {
  return { ...family, ...Object.fromEntries(Object.entries(own).map(([layout, values]) => [layout, { ...family[layout], ...values }])) };
}

function ropeExpectations({ rope }: PluginFile): Values {
  return {
    ...(rope?.theta === undefined ? {} : { rope_theta: rope.theta }),
    ...(rope?.interleaved === undefined ? {} : { rope_interleaved: rope.interleaved }),
    ...(rope?.scaling === undefined ? {} : { rope_scaling: rope.scaling }),
  };
}
