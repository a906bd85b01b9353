// Symbolic shapes, in einops' grouping: "(kv_heads head_dim) hidden" is two axes, the first made of two symbols.

/** Symbols per axis, outermost first. */
export type ShapePattern = readonly (readonly string[])[];

export function parsePattern(text: string): ShapePattern {
  return [...text.matchAll(/\(([^)]*)\)|(\S+)/g)].map(([, group, single]) => (group ?? single ?? "").trim().split(/ +/));
}

/** A symbol's size, or the number that stands in its place; undefined for a symbol that is not declared. */
export const sizeOf = (symbol: string, dimensions: Readonly<Record<string, number>>): number | undefined =>
  /^\d/.test(symbol) ? Number(symbol) : dimensions[symbol];

/** Replace `{index}` by its number in a tensor name. */
export const nameAt = (template: string, index: string | undefined, at: number): string =>
  index === undefined ? template : template.replaceAll(`{${index}}`, String(at));

/** Whether a dimension is one divided by another, and no setting's name. */
export const isQuotient = (text: string): boolean => text.includes(" / ");

/** `"hidden / heads"` as its symbols. */
export function parseQuotient(text: string): { numerator: string; denominator: string | undefined } {
  const [numerator = "", denominator] = text.split(" / ");
  return { numerator, denominator };
}
