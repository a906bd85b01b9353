// Hundreds of tensor names that differ only in their numbers, told in a few lines.

export interface NameGroup {
  /** A number that varies is spelled `{least…most}`. */
  readonly name: string;
  readonly detail: string;
  readonly count: number;
}

/** Names of one pattern and one detail share a group. */
export function groupNames(entries: readonly { readonly name: string; readonly detail: string }[]): NameGroup[] {
  const groups = new Map<string, { pattern: string; detail: string; numbers: number[][] }>();
  for (const { name, detail } of entries) {
    const pattern = name.replace(/\d+/g, "#");
    const key = `${pattern} ${detail}`;
    const group = groups.get(key) ?? { pattern, detail, numbers: [] };
    group.numbers.push((name.match(/\d+/g) ?? []).map(Number));
    groups.set(key, group);
  }
  return [...groups.values()].map(({ pattern, detail, numbers }) => ({ name: spell(pattern, numbers), detail, count: numbers.length }));
}

/** A list of names in brief. */
export const briefNames = (names: readonly string[]): string =>
  groupNames(names.map((name) => ({ name, detail: "" })))
    .map(({ name, count }) => (count > 1 ? `${name} (${count})` : name))
    .join(", ");

function spell(pattern: string, numbers: readonly (readonly number[])[]): string {
  let at = 0;
  return pattern.replace(/#/g, () => {
    const values = numbers.map((found) => found[at] ?? 0);
    at++;
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return least === most ? String(least) : `{${least}…${most}}`;
  });
}
