// A picture of how each side keeps the model: a grid of ranks, or the files of a layout that has no ranks.

import type { PartDetails, VerifyDetails } from "../engine/details.js";
import type { SideReport } from "../engine/side.js";
import { html, type Markup, nothing } from "./html.js";
import { bytesInWords, layoutName } from "./words.js";

export function topologySection(a: SideReport, b: SideReport, details: VerifyDetails | null): Markup {
  if (details === null) return nothing;
  const { blocksA, blocksB, partsA, partsB } = details;
  return html`<section><h2>Topology</h2>
<p class="about">Which of the model's blocks lie where. A strip has a field for each block, in the model's order; those that are here are filled.</p>
<div class="topology">${sideFigure("a", a, partsA, blocksA)}${sideFigure("b", b, partsB, blocksB)}</div></section>`;
}

function sideFigure(letter: string, { layout, topology }: SideReport, parts: readonly PartDetails[], blocks: readonly string[]): Markup {
  const isRanked = parts.every(({ file }) => file === null);
  const title = `${layoutName(layout)}${isRanked ? `, TP ${topology.tp} × PP ${topology.pp}` : ""}`;
  const columns = isRanked ? topology.pp : 1;
  return html`<figure class="${columns > 2 ? "wide" : "narrow"}"><figcaption><b class="${letter}">${letter.toUpperCase()}</b> ${title}</figcaption>
<div class="scroll"><div class="grid" style="grid-template-columns:repeat(${columns},minmax(9rem,1fr))">${byRow(parts).map((part) => partCell(letter, part, blocks))}</div></div></figure>`;
}

/** Fields of a strip that still have room for gaps. */
const MANY = 24;

/** Pipeline ranks run to the right, tensor-parallel ranks downwards. */
const byRow = (parts: readonly PartDetails[]): PartDetails[] => parts.toSorted((x, y) => x.tp - y.tp || x.pp - y.pp);

function partCell(letter: string, { tp, pp, file, blocks: here, bytes }: PartDetails, blocks: readonly string[]): Markup {
  const held = new Set(here);
  const strip = blocks.map((name) => html`<i class="${held.has(name) ? "held" : "empty"}" title="${name}"></i>`);
  return html`<div class="part ${letter}"><p class="where">${file ?? `TP ${tp} · PP ${pp}`}</p><p class="${blocks.length > MANY ? "strip many" : "strip"}" aria-hidden="true">${strip}</p><p>${inBrief(here)}</p><p class="bytes">${bytesInWords(bytes)}</p></div>`;
}

/** `decoder.0`, `decoder.1`, `decoder.2` as `decoder 0–2`. */
export function inBrief(names: readonly string[]): string {
  const runs: { stem: string; first: number | undefined; last: number | undefined }[] = [];
  for (const name of names) {
    const [, stem = name, digits] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    const number = digits === undefined ? undefined : Number(digits);
    const run = runs.at(-1);
    if (run !== undefined && run.stem === stem && run.last !== undefined && number === run.last + 1) run.last = number;
    else runs.push({ stem, first: number, last: number });
  }
  return runs
    .map(({ stem, first, last }) => (first === undefined ? stem : `${stem} ${first}${last === first ? "" : `–${last}`}`))
    .join(", ");
}
