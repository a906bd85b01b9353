// Plugin packages, written as npm would have installed them.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type Files = Readonly<Record<string, string>>;

/** Put a package into a project's node_modules. @returns its folder */
export function install(project: string, name: string, manifest: object, files: Files = {}): string {
  const root = join(project, "node_modules", name);
  const all: Files = { "package.json": JSON.stringify({ name, version: "1.2.3", ...manifest }), ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

export const keywords = ["weighbridge-plugin"];
export const exports = { "./plugin.yaml": "./plugin.yaml" };
/** A plugin.yaml that fits the bundled model. */
export const member = (name: string) =>
  `name: ${name}\nextends: llama\nidentify: { settings: { hidden_size: 128, num_hidden_layers: 4 } }\n`;
