// The best next tokens of both models at the chosen positions, back to back, with their probabilities as bars.

import type { PredictedToken } from "../forward/predicted.js";
import type { PositionReport } from "../verify/positions.js";
import type { PredictionsReport } from "../verify/predictions.js";
import { html, type Markup, nothing } from "./html.js";

export function positionsSection(predictions: PredictionsReport | null): Markup {
  const shown = Object.entries(predictions?.positions ?? {});
  if (shown.length === 0) return nothing;
  return html`<section><h2>Best next tokens</h2>
<p class="about">What each checkpoint's own framework predicts after the words shown. <span class="next">✓</span> marks the token that follows in the prompt, red a rank at which the two models have different tokens.</p>
<div class="positions">${shown.map(([position, report]) => positionTable(position, report))}</div></section>`;
}

function positionTable(position: string, { context, next, a, b }: PositionReport): Markup {
  const most = Math.max(...[...a, ...b].map(({ probability }) => probability).filter(Number.isFinite), Number.MIN_VALUE);
  const rows = Array.from({ length: Math.max(a.length, b.length) }, (_, at) => rankRow(at, a[at], b[at], next.token, most));
  const said = context === null ? nothing : html`<p class="context">…${context}<mark>${next.text ?? ""}</mark></p>`;
  return html`<figure class="position"><figcaption>Position ${position}</figcaption>${said}
<table><thead><tr><th scope="col" colspan="3"><b class="a">A</b></th><td></td><th scope="col" colspan="3"><b class="b">B</b></th></tr></thead>
<tbody>${rows}</tbody></table></figure>`;
}

function rankRow(at: number, a: PredictedToken | undefined, b: PredictedToken | undefined, next: number, most: number): Markup {
  const differs = a?.token !== b?.token;
  return html`<tr class="${differs ? "differs" : "same"}">${side(a, next)}<td class="bar a">${bar(a, most)}</td><td class="rank">${at + 1}</td><td class="bar b">${bar(b, most)}</td>${side(b, next).toReversed()}</tr>`;
}

function side(predicted: PredictedToken | undefined, next: number): Markup[] {
  if (predicted === undefined) return [html`<td></td>`, html`<td></td>`];
  const { token, text, probability } = predicted;
  const isNext = token === next ? html`<span class="next" title="the token that follows">✓</span>` : nothing;
  return [
    html`<td class="token" title="token ${token}">${isNext}${text === null ? `#${token}` : JSON.stringify(text)}</td>`,
    html`<td class="p">${inWords(probability)}</td>`,
  ];
}

/** Four decimals; of what they would make nothing, its power of ten. */
const inWords = (probability: number): string =>
  probability > 0 && probability < 0.0001 ? probability.toExponential(0) : probability.toFixed(4);

function bar(predicted: PredictedToken | undefined, most: number): Markup {
  const width = (100 * (predicted?.probability ?? 0)) / most;
  return html`<i style="width:${Number.isFinite(width) ? width.toFixed(1) : 0}%"></i>`;
}
