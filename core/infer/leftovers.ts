// What has found no place: whether it is a copy of what has, cut in pieces, in an unknown order, or of another dtype. Pure.

import type { IgnoreDeclaration } from "../architecture/declaration.js";
import type { Chosen } from "./assign.js";
import { findAll } from "./find.js";
import { groupBy } from "./group-by.js";
import { type Lines, symbolAt } from "./lines.js";
import type { Matches } from "./match.js";
import { LAYER, parseName } from "./names.js";
import type { Unexplained } from "./rules.js";
import type { View } from "./view.js";

export interface Leftovers {
  readonly unexplained: readonly Unexplained[];
  /** Copies that the config ties to what they are copies of. */
  readonly ignore: readonly IgnoreDeclaration[];
}

interface Item {
  readonly view: View;
  readonly lines: Lines;
}

/** @param isTied - whether the config says that the output matrix is the embeddings */
export function leftoversOf(
  chosen: readonly Chosen[],
  sources: readonly View[],
  parameters: readonly View[],
  matches: Matches,
  isTied: boolean,
): Leftovers {
  const items = (views: readonly View[], lines: readonly Lines[], used: ReadonlySet<number>) => {
    const all = views.map((view, at): Item => ({ view, lines: lines[at] as Lines }));
    return { used: all.filter((_, at) => used.has(at)), left: all.filter((_, at) => !used.has(at)) };
  };
  const ours = items(sources, matches.sources, new Set(chosen.map(({ source }) => source)));
  const theirs = items(parameters, matches.parameters, new Set(chosen.map(({ parameter }) => parameter)));
  const copies = ours.left.map((item) => ({ item, of: copyOf(item, ours.used) })).filter(({ of }) => of !== undefined);
  // A norm may have an equal by chance; what the config ties is the output matrix, to the embeddings.
  const tied = copies.filter(({ of }) => isTied && /embed/.test(of?.view.name ?? ""));
  const isIgnored = (item: Item) => tied.some((copy) => copy.item === item);
  return {
    ignore: tied.flatMap(({ item, of }) => ignoreOf(item.view.name, of?.view.name ?? "")),
    unexplained: [
      ...report(
        "huggingface",
        ours.left.filter((item) => !isIgnored(item)),
        ours.used,
        theirs.left,
      ),
      ...report("nanotron", theirs.left, theirs.used, ours.left),
    ],
  };
}

/** Tensors of which the same is to be said, together. */
function report(layout: Unexplained["layout"], left: readonly Item[], used: readonly Item[], others: readonly Item[]): Unexplained[] {
  const reasons = left.map((item) => ({ name: item.view.name, because: reasonOf(item, used, others, layout) }));
  return [...groupBy(reasons, ({ because }) => because)].map(([because, group]) => ({
    layout,
    names: group.map(({ name }) => name),
    because,
  }));
}

const copyOf = ({ lines }: Item, used: readonly Item[]): Item | undefined =>
  used.find((other) => other.lines.kind === lines.kind && other.lines.bytes.equals(lines.bytes));

function ignoreOf(name: string, original: string): IgnoreDeclaration[] {
  const parsed = parseName(name);
  return parsed === undefined || parsed.template.includes(LAYER)
    ? []
    : [{ tensor: name, because: `equal to ${original}, to which tie_word_embeddings ties it` }];
}

function reasonOf(item: Item, used: readonly Item[], others: readonly Item[], layout: Unexplained["layout"]): string {
  const original = copyOf(item, used);
  if (original !== undefined) return `a copy of ${original.view.name}`;
  const pieces = others.filter((other) => findAll(other.lines, item.lines, other.lines.count).length > 0);
  if (pieces.length > 0)
    return `holds ${pieces.map(({ view }) => view.name).join(", ")} whole, which a plugin cannot declare from this side`;
  const near = others.map((other) => ({ other, shared: sharedLines(item.lines, other.lines) })).sort((a, b) => b.shared - a.shared)[0];
  if (near !== undefined && near.shared > 0) {
    const { name } = near.other.view;
    const all = near.shared === item.lines.count;
    return all ? `its rows are all in ${name}, in no order known here` : `${near.shared} of its ${item.lines.count} rows are in ${name}`;
  }
  const other = layout === "huggingface" ? "Nanotron" : "Hugging Face";
  const recast = others.find(({ view }) => view.dtype !== item.view.dtype && `${view.shape}` === `${item.view.shape}`);
  if (recast !== undefined) return `${other}'s ${recast.view.name} has its shape, in ${recast.view.dtype} and not ${item.view.dtype}`;
  return `nothing in the ${other} checkpoint has its content`;
}

function sharedLines(lines: Lines, others: Lines): number {
  if (lines.kind !== others.kind || lines.symbolBytes < 8) return 0; // elements are met everywhere by chance
  const known = new Set<string>();
  for (let line = 0; line < others.count; line++) known.add(symbolAt(others, line).toString("latin1"));
  let shared = 0;
  for (let line = 0; line < lines.count; line++) if (known.has(symbolAt(lines, line).toString("latin1"))) shared++;
  return shared;
}
