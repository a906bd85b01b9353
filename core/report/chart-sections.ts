// The sections around the charts: what is drawn, and how to read it.

import type { PredictionsReport } from "../verify/predictions.js";
import { distributionChart, divergenceChart } from "./charts.js";
import { html, type Markup, nothing } from "./html.js";
import { count, figure, share } from "./words.js";

export function divergenceSection(predictions: PredictionsReport | null): Markup {
  if (predictions === null) return nothing;
  const { stages, numerics, firstDivergence } = predictions;
  const what =
    numerics === "exact"
      ? "Largest |Δ| of the two forwards' hidden states after every layer's attention and feed-forward, in float32 throughout. The limit is what the order of float32 sums may make of the same weights."
      : "Mean |Δ| of the two forwards' hidden states after every layer's attention and feed-forward, each rounded where its framework rounds. The noise is measured: how far another order of sums, another TP and roundings in other places put each side apart from itself, B counted up to twice A; the limit is 1.5 times as much.";
  const outcome =
    firstDivergence === null
      ? html`No stage is beyond its limit.`
      : html`<b class="bad">First beyond its limit: ${firstDivergence.stage}</b>, by ${figure(firstDivergence.distance)} where ${figure(firstDivergence.limit)} is allowed.`;
  return html`<section><h2>Divergence, layer by layer</h2>
<p class="about">${what} ${outcome}</p>
<div class="chart">${divergenceChart(stages)}</div>
<p class="key"><span class="dot within"></span> within its limit <span class="dot beyond"></span> beyond it <span class="dot equal"></span> equal, no difference at all. At a layer's number its attention, after it its feed-forward.</p></section>`;
}

export function distributionSection(predictions: PredictionsReport | null): Markup {
  const distribution = predictions?.distribution ?? null;
  if (predictions === null || distribution === null) return nothing;
  const { total, zero, notFinite } = distribution;
  const { numerics, limit, maxAbs, meanAbs } = predictions;
  const marks = [
    { name: `mean ${figure(meanAbs)}`, value: meanAbs, color: "var(--text)" },
    { name: `largest ${figure(maxAbs)}`, value: maxAbs, color: "var(--text)" },
    { name: `limit of the ${numerics === "exact" ? "largest" : "mean"} ${figure(limit)}`, value: limit, color: "var(--bad)" },
  ];
  const strange = notFinite === 0 ? nothing : html` <b class="bad">${count(notFinite)} differences are no numbers.</b>`;
  return html`<section><h2>Differences of logits</h2>
<p class="about">All ${count(total)} logits of both models, by how far they are apart; ${share(zero, total)} are equal to the last bit.${strange}</p>
<div class="chart">${distributionChart(distribution, marks)}</div></section>`;
}
