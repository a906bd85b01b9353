// HTML as a template literal whose values are escaped: names in a checkpoint are anybody's words.

/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Value = string | number | Markup | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Control characters, and those that turn the direction of what follows: shown by their number, so that no name can disguise itself. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export const escaped = (text: string): string =>
  text
    .replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

const textOf = (value: Value): string => {
  if (value instanceof Markup) return value.text;
  return typeof value === "object" ? value.map(({ text }) => text).join("") : escaped(String(value));
};

/** Values are escaped, in text and in quoted attributes; none belongs into a script or a style. */
export const html = (parts: TemplateStringsArray, ...values: readonly Value[]): Markup =>
  new Markup(parts.reduce((text, part, at) => text + textOf(values[at - 1] ?? "") + part));

/** A long name that may be broken after its dots, slashes and underlines. */
export const breakable = (name: string): Markup => new Markup(escaped(name).replace(/[._/](?=.)/g, "$&<wbr>"));

export const nothing = new Markup("");
