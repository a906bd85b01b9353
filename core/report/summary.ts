// Two tables: what the two sides predict, as the original scripts told it, and what the two checkpoints are.

import type { SideReport } from "../engine/side.js";
import type { VerifyReport } from "../engine/verify.js";
import { html, type Markup, nothing } from "./html.js";
import { bytesInWords, count, folderName, layoutName, plural, share } from "./words.js";

export function summarySection({ a, b, verdict, predictions }: VerifyReport): Markup {
  if (predictions === null) return nothing;
  const { tokens, correctA, correctB, top10Equal, argmaxEqual } = predictions;
  const row = (letter: "a" | "b", side: SideReport, correct: number, ...agreement: readonly string[]) => html`<tr>
<th scope="row"><b class="${letter}">${letter.toUpperCase()}</b> ${folderName(side.path)}</th><td>${layoutName(side.layout)}</td>
<td class="n">${side.topology.tp}</td><td class="n">${side.topology.pp}</td><td class="n">${share(correct, tokens)} (${count(correct)})</td>${agreement.map((cell) => html`<td class="n">${cell}</td>`)}</tr>`;
  const of = (part: number) => `${count(part)} of ${count(tokens)}`;
  return html`<section><h2>In short</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">checkpoint</th><th scope="col">backend</th><th scope="col" class="n">TP</th><th scope="col" class="n">PP</th><th scope="col" class="n">accuracy of ${count(tokens)}</th><th scope="col" class="n">same best token</th><th scope="col" class="n">top-10 agreement</th><th scope="col" class="n">verdict</th></tr></thead>
<tbody>${[row("a", a, correctA, "", "", "the original"), row("b", b, correctB, of(argmaxEqual), of(top10Equal), verdict)]}</tbody>
</table></div></section>`;
}

export function sidesSection(a: SideReport, b: SideReport): Markup {
  const facts: readonly (readonly [string, (side: SideReport) => string])[] = [
    ["folder", ({ path }) => path],
    ["layout", ({ layout, version }) => `${layoutName(layout)}${version === null ? "" : `, checkpoint version ${version}`}`],
    ["plugin", ({ plugin }) => plugin],
    ["topology", ({ topology: { tp, pp } }) => `TP ${tp}, PP ${pp}`],
    ["rows of q and k", ({ ropeInterleaved }) => (ropeInterleaved ? "interleaved" : "half-split")],
    ["dtypes", ({ dtypes }) => dtypes.join(", ")],
    ["stored elements", ({ parameters }) => count(parameters)],
    ["weights", ({ bytes, files }) => `${bytesInWords(bytes)} in ${plural(files, "file")}`],
  ];
  return html`<section><h2>The two checkpoints</h2>
<div class="scroll"><table class="facts">
<thead><tr><td></td><th scope="col"><b class="a">A</b></th><th scope="col"><b class="b">B</b></th></tr></thead>
<tbody>${facts.map(([name, of]) => html`<tr><th scope="row">${name}</th><td>${of(a)}</td><td>${of(b)}</td></tr>`)}</tbody>
</table></div></section>`;
}
