// What tensor names say: a layer's number, the module, the words. Used to write templates, and to choose where content cannot.

/** The declaration's placeholder for a layer's number. */
export const LAYER = "{layer}";

export interface ParsedName {
  readonly name: string;
  /** The name with the layer's number replaced. */
  readonly template: string;
  /** Undefined for a name with no number of its own. */
  readonly layer: number | undefined;
  /** The template without its last part: of a linear layer's weight and bias it is the same. */
  readonly module: string;
  readonly words: readonly string[];
}

/** @returns undefined for a name with several numbers: an expert's, which no template can say */
export function parseName(name: string): ParsedName | undefined {
  const parts = name.split(".");
  const numbers = parts.filter((part) => /^\d+$/.test(part));
  if (numbers.length > 1) return undefined;
  const template = parts.map((part) => (/^\d+$/.test(part) ? LAYER : part)).join(".");
  const words = name
    .toLowerCase()
    .split(/[._]/)
    .filter((word) => /[a-z]/.test(word));
  return { name, template, layer: numbers.length === 0 ? undefined : Number(numbers[0]), module: moduleOf(template), words };
}

export const moduleOf = (template: string): string => template.split(".").slice(0, -1).join(".");

/** How many words of one name another has too, or begins with, or begins. */
export const sharedWords = (a: ParsedName, b: ParsedName): number =>
  a.words.filter((word) => b.words.some((other) => other.startsWith(word) || word.startsWith(other))).length;

/** `0-3, 5`. */
export function printNumbers(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

/** Names by template, each with the layers it stands for: `model.layers.{layer}.mlp.up_proj.weight (layers 0-31)`. */
export function printNames(names: readonly string[]): string[] {
  const layers = new Map<string, number[]>();
  for (const name of names) {
    const { template, layer } = parseName(name) ?? { template: name, layer: undefined };
    layers.set(template, [...(layers.get(template) ?? []), ...(layer === undefined ? [] : [layer])]);
  }
  return [...layers].map(([template, numbers]) => (numbers.length === 0 ? template : `${template} (layers ${printNumbers(numbers)})`));
}
