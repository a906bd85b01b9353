// A new plugin's files, from the family that it extends and a model's config: they pass `plugins test` as they are.

import { type Plugin, settingOf, type Value, type Values } from "../architecture/declaration.js";
import { builtInFolders, readPlugin } from "../architecture/load.js";
import { PACKAGE_KEYWORD } from "../architecture/packages.js";
import { UsageError } from "../errors.js";
import { CASES_FILE, readCases } from "../testing/cases.js";
import { configurationOf } from "../testing/small-model.js";
import { packageVersion } from "../version.js";

export interface NewPlugin {
  readonly name: string;
  readonly family: Plugin;
  /** A model's config.json. */
  readonly config: Values;
}

/**
 * A small model of a built-in plugin, to start from.
 *
 * @throws {UsageError} the plugin is none of the built-in ones, and brings no cases
 */
export function exampleOf(name: string): Values {
  const folder = builtInFolders().find((candidate) => readPlugin(candidate, candidate).declaration.name === name);
  const [first] = folder === undefined ? [] : readCases(folder).valid;
  if (first !== undefined) return first.config;
  throw new UsageError(`${name} has no example of a model`, { hint: "give the model's config.json with --config" });
}

/**
 * That the new plugin can be told from those there are, and is of the family that its config says.
 *
 * @throws {UsageError} it is not
 */
export function checkNewPlugin({ family, config }: NewPlugin, known: readonly Plugin[]): void {
  const odd = Object.entries(family.markers.huggingface ?? {}).find(([key, value]) => (config[key] ?? value) !== value);
  if (odd !== undefined) {
    throw new UsageError(
      `config.json: ${odd[0]}: ${family.name} is for ${JSON.stringify(odd[1])}, found ${JSON.stringify(config[odd[0]])}`,
      {
        hint: "name another family with --extends",
      },
    );
  }
  const { settings } = configurationOf(family, config);
  const sizes = sizesOf(family);
  const twin = known.find(({ family: root, identify }) => {
    const names = Object.keys(identify);
    return root === family.family && names.length === sizes.length && names.every((name) => identify[name] === settings[name]);
  });
  if (twin === undefined) return;
  throw new UsageError(`${twin.name} is a plugin for this model already: the two would fit equally well`, {
    hint: "give the config.json of another model with --config",
  });
}

/**
 * The files of a new plugin, by their name in its folder. Pure.
 *
 * @throws {CheckpointError} the config lacks what the family needs
 */
export function newPluginFiles({ name, family, config }: NewPlugin): Readonly<Record<string, string>> {
  return {
    "plugin.yaml": declarationText(name, family, config),
    [CASES_FILE]: casesText(name, config),
    "README.md": readmeText(name, family),
    "package.json": packageText(name, family),
  };
}

function declarationText(name: string, family: Plugin, config: Values): string {
  const { settings } = configurationOf(family, config);
  const line = (setting: string) => `${setting}: ${yamlValue(settings[setting] ?? null, family.settings[setting]?.type)}`;
  const [sizes, expected] = [sizesOf(family), expectedOf(family)];
  return `# TODO: which model this is, and where its config.json was published.
name: ${name}
description: ${JSON.stringify(`${name}, of the ${family.name} family`)}
weighbridge: ${JSON.stringify(rangeOfThis())}
extends: ${family.name}

# Which checkpoints are this model's. The more settings, the more specific; two plugins that fit equally well are a tie.
identify:
  settings:
${sizes.map((setting) => `    ${line(setting)}\n`).join("")}
# Published values. A checkpoint that differs is warned about, or refused with --strict.
expect:
${expected.map((setting) => `  ${line(setting)}\n`).join("")}`;
}

const rangeOfThis = (): string => `^${packageVersion()}`;

/**
 * What dimensions are read from, and what else identifies the family's model; not the vocabulary, which Nanotron pads, and not what
 * only one layout's config has.
 */
function sizesOf({ dimensions, settings, identify }: Plugin): string[] {
  const named = Object.keys(dimensions).map((symbol) => settingOf(dimensions, symbol) ?? "");
  const sizes = named.filter((setting) => setting !== "vocab_size" && settings[setting]?.in === undefined);
  return [...new Set([...sizes, ...Object.keys(identify)])];
}

/** The vocabulary, what changes the forward, and what the family's model is expected to have; not what only Nanotron's config has. */
function expectedOf(family: Plugin): string[] {
  const { forward, settings, expect } = family;
  const named = ["vocab_size", ...forward.filter((setting) => settings[setting]?.optional !== true), ...Object.keys(expect)];
  const known = named.filter((setting) => settings[setting] !== undefined && settings[setting].in !== "nanotron");
  return [...new Set(known)].filter((setting) => !sizesOf(family).includes(setting));
}

/** A float with a point, as Python writes it; all else as JSON, which is YAML. */
function yamlValue(value: Value, type: string | undefined): string {
  const text = JSON.stringify(value);
  return type === "float" && typeof value === "number" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function casesText(name: string, config: Values): string {
  const indented = JSON.stringify(config, null, 2).replaceAll("\n", "\n      ");
  return `# What the plugin is held against: weighbridge plugins test .
# TODO: put the published config.json here. A large model is made small where its weights are needed.
valid:
  - name: ${name}
    config:
      ${indented}
`;
}

function readmeText(name: string, family: Plugin): string {
  return `# ${name}

An architecture plugin for [weighbridge](https://www.npmjs.com/package/weighbridge), which carries checkpoints between Hugging Face
and Nanotron. It extends \`${family.name}\`. There is no code in it.

\`\`\`
weighbridge plugins test .
\`\`\`

tests it on the cases in \`${CASES_FILE}\`: matched, proven at every topology, there and back byte for byte, both frameworks' forwards
compared, and every mistake that the kit knows put into the declaration and noticed.

\`\`\`
weighbridge convert MODEL OUT --to nanotron --plugin .
\`\`\`

uses it. \`npm publish\` shares it: whoever installs the package beside weighbridge finds it in \`weighbridge plugins list\`.
`;
}

function packageText(name: string, family: Plugin): string {
  const document = {
    name: `${PACKAGE_KEYWORD}-${name}`,
    version: "0.1.0",
    description: `${name}, an architecture plugin of the ${family.name} family`,
    keywords: [PACKAGE_KEYWORD],
    exports: { "./plugin.yaml": "./plugin.yaml" },
    files: ["plugin.yaml", CASES_FILE],
    scripts: { test: "weighbridge plugins test ." },
    peerDependencies: { weighbridge: rangeOfThis() },
    // Installed beside a global weighbridge as well as beside a local one.
    peerDependenciesMeta: { weighbridge: { optional: true } },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
