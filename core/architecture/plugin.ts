// From a plugin's text to a complete Plugin: schema, then what it extends, then what no schema can say.

import { DeclarationError } from "../errors.js";
import { parseYaml, type YamlDocument } from "../format/yaml.js";
import { declarationProblems } from "./consistency.js";
import type { Plugin, PluginFile, Values } from "./declaration.js";
import { schemaProblems } from "./schema.js";

export interface ParsedPlugin {
  readonly path: string;
  readonly document: YamlDocument;
  readonly declaration: PluginFile;
}

/**
 * @param path - the plugin.yaml's path, named in errors
 * @throws {DeclarationError} with every breach of the schema
 */
export function parsePlugin(text: string, path: string): ParsedPlugin {
  const document = parseYaml(text, path);
  const problems = schemaProblems(document, path);
  if (problems.length > 0) throw new DeclarationError(problems);
  return { path, document, declaration: document.value as PluginFile };
}

/**
 * Fill in what the plugin takes from its family, and check the whole.
 *
 * @param family - the plugin that `extends` names; undefined when it names none
 * @param origin - where the plugin comes from, for `plugins list`
 * @throws {DeclarationError} with every inconsistency
 */
export function completePlugin(parsed: ParsedPlugin, family: Plugin | undefined, origin: string): Plugin {
  const { declaration: own, document, path } = parsed;
  const plugin: Plugin = {
    name: own.name,
    description: own.description ?? family?.description ?? "",
    family: family?.family ?? own.name,
    origin,
    identify: {
      huggingface: own.identify?.huggingface ?? family?.identify.huggingface ?? {},
      nanotron: own.identify?.nanotron ?? family?.identify.nanotron ?? {},
      settings: { ...family?.identify.settings, ...own.identify?.settings },
    },
    dimensions: { ...family?.dimensions, ...own.dimensions },
    settings: { ...family?.settings, ...own.settings },
    constants: {
      huggingface: { ...family?.constants.huggingface, ...own.constants?.huggingface },
      nanotron: { ...family?.constants.nanotron, ...own.constants?.nanotron },
    },
    forward: own.forward ?? family?.forward ?? [],
    expect: { ...family?.expect, ...own.expect, ...ropeExpectations(own) },
    limits: {
      huggingface: own.limits?.huggingface ?? family?.limits.huggingface ?? [],
      nanotron: own.limits?.nanotron ?? family?.limits.nanotron ?? [],
    },
    blocks: own.blocks ?? family?.blocks ?? [],
    ignore: own.ignore ?? family?.ignore ?? [],
  };
  const problems = declarationProblems(plugin).map(({ pointer, message }) => ({
    file: path,
    line: document.lineOf(pointer),
    pointer,
    message,
  }));
  if (problems.length > 0) throw new DeclarationError(problems);
  return plugin;
}

function ropeExpectations({ rope }: PluginFile): Values {
  return {
    ...(rope?.theta === undefined ? {} : { rope_theta: rope.theta }),
    ...(rope?.interleaved === undefined ? {} : { rope_interleaved: rope.interleaved }),
    ...(rope?.scaling === undefined ? {} : { rope_scaling: rope.scaling }),
  };
}
