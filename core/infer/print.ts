// A declaration as a person would write it: sections with comments, one line for each entry. parseYaml reads it back.

import type { BlockDeclaration, ParameterDeclaration, PluginFile } from "../architecture/declaration.js";

/** @param remarks - printed on top, as comments */
export function printDraft(file: PluginFile, remarks: readonly string[]): string {
  const {
    name,
    description = "",
    identify,
    dimensions = {},
    settings = {},
    constants = {},
    forward = [],
    limits = {},
    blocks = [],
    ignore = [],
  } = file;
  const lines = [
    // A tensor's name may hold anything, a line break too.
    ...remarks.map((remark) => `# ${remark.replace(/[^\P{C}]/gu, " ")}`),
    `name: ${flow(name)}`,
    `description: ${flow(description)}`,
    ...section("identify", identify),
    ...section("dimensions", dimensions),
    "",
    "settings:",
    ...Object.entries(settings).map(([key, declaration]) => `  ${key}: ${flow(declaration)}`),
    ...section("constants", constants),
    "",
    `forward: ${flow(forward)}`,
    "",
    "limits:",
    ...Object.entries(limits).flatMap(([layout, list]) => [`  ${layout}:`, ...list.map((limit) => `    - ${flow(limit)}`)]),
    "",
    "blocks:",
    ...blocks.flatMap(blockLines),
    ...(ignore.length === 0 ? [] : ["", "ignore:", ...ignore.map((entry) => `  - ${flow(entry)}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

const section = (key: string, entries: object = {}): string[] => [
  "",
  `${key}:`,
  ...Object.entries(entries).map(([name, value]) => `  ${name}: ${flow(value)}`),
];

function blockLines({ name, repeat, cost, parameters }: BlockDeclaration): string[] {
  return [
    `  - name: ${flow(name)}`,
    ...(repeat === undefined ? [] : [`    repeat: ${flow(repeat)}`]),
    ...(cost === undefined ? [] : [`    cost: ${flow(cost)}`]),
    "    parameters:",
    ...parameters.flatMap(parameterLines),
  ];
}

function parameterLines({ nanotron, parallel, tied, huggingface }: ParameterDeclaration): string[] {
  const sources = [huggingface].flat();
  return [
    `      - nanotron: ${flow(nanotron)}`,
    ...(parallel === undefined ? [] : [`        parallel: ${parallel}`]),
    ...(tied === undefined ? [] : [`        tied: ${flow(tied)}`]),
    ...(sources.length === 1
      ? [`        huggingface: ${flow(sources[0])}`]
      : ["        huggingface:", ...sources.map((source) => `          - ${flow(source)}`)]),
  ];
}

/** A value on one line, in YAML's flow style. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => `${key}: ${flow(entry)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  return typeof value === "string" ? scalar(value) : JSON.stringify(value);
}

/** Plain where YAML cannot take it for anything else. */
const scalar = (text: string): string =>
  /^[A-Za-z_(][A-Za-z0-9_.() /-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text);
