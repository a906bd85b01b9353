// Every tensor with what was found of it and where each side keeps it, to be searched and filtered.

import type { Finding, StoredDetails, TensorDetails } from "../engine/details.js";
import type { VerifyReport } from "../engine/verify.js";
import { breakable, html, type Markup, nothing } from "./html.js";
import { count, FINDINGS, plural } from "./words.js";

/** What a reader looks for first comes first. */
const ORDER: readonly Finding[] = ["different", "missing", "extra", "otherDtype", "rounded", "equal"];

export function parametersSection({ details, settings }: VerifyReport): Markup {
  if (details === null) return nothing;
  const { tensors } = details;
  const rank = ({ finding }: TensorDetails) => (finding === null ? ORDER.length : ORDER.indexOf(finding));
  const rows = tensors.toSorted((x, y) => rank(x) - rank(y)).map(tensorRow);
  return html`<section id="parameters"><h2>Parameters</h2>
${settings.length === 0 ? nothing : html`<p class="settings"><b>Settings that differ</b> ${settings.map((setting) => html`<code>${setting}</code> `)}</p>`}
<div class="tools" hidden><input type="search" placeholder="Search ${plural(tensors.length, "tensor")}" aria-label="Search tensors">${chips(tensors)}<output></output></div>
<div class="scroll tall"><table class="parameters">
<thead><tr><th scope="col">tensor</th><th scope="col">shape</th><th scope="col">found</th><th scope="col">in <b class="a">A</b></th><th scope="col">in <b class="b">B</b></th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`;
}

function chips(tensors: readonly TensorDetails[]): Markup {
  const found = ORDER.map((finding) => [finding, tensors.filter((tensor) => tensor.finding === finding).length] as const);
  const some = found.filter(([, size]) => size > 0);
  if (some.length < 2) return nothing;
  return html`<span class="chips">${some.map(
    ([finding, size]) =>
      html`<button type="button" data-finding="${finding}" aria-pressed="false">${FINDINGS[finding]} <b>${count(size)}</b></button>`,
  )}</span>`;
}

function tensorRow({ name, shape, finding, a, b }: TensorDetails): Markup {
  const said = finding === null ? "not compared" : FINDINGS[finding];
  return html`<tr data-finding="${finding ?? ""}"><th scope="row">${breakable(name)}</th><td class="shape">${shape === null ? "" : shape.join(" × ")}</td><td><span class="finding ${finding ?? "none"}">${said}</span></td><td>${stored(a, name)}</td><td>${stored(b, name)}</td></tr>`;
}

function stored(kept: StoredDetails | null, tensor: string): Markup {
  if (kept === null) return html`<span class="none">not stored</span>`;
  const { name, dtype, parts } = kept;
  const ranks = parts > 1 ? html` <span class="parts">in ${parts} ranks</span>` : nothing;
  return html`${dtype}${ranks}${name === tensor ? nothing : html`<code>${breakable(name)}</code>`}`;
}
