// Llama's declaration with one mistake: each gives a plan that is proven, and a round trip that is exact.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const right = readFileSync(fileURLToPath(import.meta.resolve("#plugins/llama/plugin.yaml")), "utf8");

/** A folder with the declaration, edited; it extends llama, whose forwards are then its forwards. */
export function writePlugin(folder: string, name: string, edit: (yaml: string) => string): string {
  const edited = edit(right);
  if (edited === right) throw new Error(`${name}: the edit changes nothing`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "plugin.yaml"), edited.replace(/^name: llama$/m, `name: ${name}\nextends: llama`));
  return folder;
}

/** The line of the declaration that names a tensor. */
function lineOf(yaml: string, tensor: string): string {
  const lines = yaml.split("\n").filter((line) => line.includes(`tensor: "model.layers.{layer}.${tensor}.weight"`));
  if (lines.length !== 1 || lines[0] === undefined) throw new Error(`${tensor}: expected one line, found ${lines.length}`);
  return lines[0];
}

/** Put the lines of tensors that are fused, which follow each other, in another order. */
export const reordered =
  (from: readonly string[], to: readonly string[]) =>
  (yaml: string): string => {
    const block = (tensors: readonly string[]) => tensors.map((tensor) => lineOf(yaml, tensor)).join("\n");
    return yaml.replace(block(from), block(to));
  };

export const withoutRotary = (yaml: string): string => yaml.replaceAll(", rotary: true", "");

/** Give two tensors each other's names. */
export const exchanged =
  (one: string, other: string) =>
  (yaml: string): string => {
    const [first, second] = [lineOf(yaml, one), lineOf(yaml, other)];
    return yaml.replace(first, "\0").replace(second, second.replace(other, one)).replace("\0", first.replace(one, other));
  };
