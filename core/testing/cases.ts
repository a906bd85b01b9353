// The cases of a plugin: data, in a cases.yaml beside the plugin.yaml or in a program. Checked before anything is done with them.

import { join } from "node:path";
import validateCases from "#validators/cases";
import type { Values } from "../architecture/declaration.js";
import { readBounded } from "../architecture/load.js";
import { schemaProblems } from "../architecture/schema.js";
import { DeclarationError, type DeclarationProblem } from "../errors.js";
import { type Json, sameJson } from "../format/json.js";
import { parseYaml, type YamlDocument } from "../format/yaml.js";

export interface TopologyCase {
  readonly tp?: number;
  readonly pp?: number;
}

/** A model that the plugin is for. */
export interface ValidCase {
  readonly name: string;
  /** Its config.json. A large model's is made small for whatever reads weights. */
  readonly config: Values;
  /** The topologies to prove; every legal one if not given. */
  readonly topologies?: readonly TopologyCase[];
  /** What Nanotron computes differently, line for line as a conversion reports it; nothing if not given. */
  readonly losses?: readonly string[];
  /** Keys of config.json that make a small model of it, where the kit's own choice does not fit. */
  readonly small?: Values;
  /** By a Nanotron parameter's name, what it is made of; see `mappingLine`. Needed where the family has no forwards. */
  readonly mapping?: Readonly<Record<string, string>>;
  /** By pipeline block, in Nanotron's order, what its class's get_block_compute_costs gives for this config; 0 for those it leaves out. */
  readonly costs?: Readonly<Record<string, number>>;
  /** Names of tensors that the checkpoint stores as well, and that the plugin ignores. */
  readonly stored?: readonly string[];
}

/** A model that is refused when a plan to Nanotron is asked for; with `nanotron`, one from Nanotron to Hugging Face. */
export interface InvalidCase extends TopologyCase {
  readonly name: string;
  readonly config: Values;
  /** Keys of the model_config.json of a Nanotron checkpoint that is otherwise what the config becomes. */
  readonly nanotron?: Values;
  /** The error's code, e.g. `UNSUPPORTED`. */
  readonly code: string;
  /** JSON pointer of the setting at fault, under the plugin's name for it. */
  readonly pointer?: string;
  /** A part of the error's message. */
  readonly says?: string;
}

export interface ArchitectureCases {
  readonly valid: readonly ValidCase[];
  readonly invalid?: readonly InvalidCase[];
}

export const CASES_FILE = "cases.yaml";

/** @throws {UsageError} the folder has no cases.yaml; {DeclarationError} it is not what it should be */
export function readCases(folder: string): ArchitectureCases {
  const path = join(folder, CASES_FILE);
  const missing = { what: `${folder}: expected ${CASES_FILE} beside the plugin, found none`, hint: "plugins new makes one to start from" };
  return checkCases(parseYaml(readBounded(path, missing), path), path);
}

/** @throws {DeclarationError} as `readCases` */
export const casesOf = (value: unknown, where: string): ArchitectureCases => checkCases({ value, lineOf: () => 1 }, where);

function checkCases(document: YamlDocument, file: string): ArchitectureCases {
  const breaches = schemaProblems(document, file, validateCases);
  if (breaches.length > 0) throw new DeclarationError(breaches);
  const cases = document.value as ArchitectureCases;
  const doubled = doubledCases(cases).map(({ pointer, message }) => ({ file, line: document.lineOf(pointer), pointer, message }));
  if (doubled.length > 0) throw new DeclarationError(doubled);
  return cases;
}

function doubledCases({ valid, invalid = [] }: ArchitectureCases): Omit<DeclarationProblem, "file" | "line">[] {
  const all = [
    ...valid.map((entry, at) => ({ entry, pointer: `/valid/${at}` })),
    ...invalid.map((entry, at) => ({ entry, pointer: `/invalid/${at}` })),
  ];
  return all.flatMap(({ entry, pointer }, at) =>
    all.slice(0, at).flatMap((earlier) => {
      const sameName = earlier.entry.name === entry.name;
      if (sameName) return [{ pointer: `${pointer}/name`, message: `${JSON.stringify(entry.name)} is the name of ${earlier.pointer} too` }];
      const { name: _, ...own } = entry;
      const { name: __, ...other } = earlier.entry;
      return sameJson(own as Json, other as Json) ? [{ pointer, message: `is the case ${earlier.pointer} once more` }] : [];
    }),
  );
}
