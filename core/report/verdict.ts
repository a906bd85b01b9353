// The top of the report: the verdict, why, and the evidence for it.

import type { VerifyReport } from "../engine/verify.js";
import { groupNames } from "../format/name-groups.js";
import { breakable, html, type Markup } from "./html.js";
import { count, figure, folderName, layoutName, plural, share } from "./words.js";

export function verdictSection(report: VerifyReport): Markup {
  const { verdict, a, b, evidence } = report;
  const reasons = verdict === "equal" ? agreements(report) : differences(report);
  return html`<header>
<p class="brand">Weighbridge <span>verification report</span></p>
<div class="verdict"><span class="mark" aria-hidden="true">${verdict === "equal" ? "=" : "≠"}</span>
<div><h1>${verdict === "equal" ? "Equal" : "Different"}</h1>
<p class="pair"><b class="a">A</b> ${folderName(a.path)} <i>${layoutName(a.layout)}</i> <b class="b">B</b> ${folderName(b.path)} <i>${layoutName(b.layout)}</i></p></div></div>
<ul class="reasons">${reasons.map((reason) => html`<li>${breakable(reason)}</li>`)}</ul>
<p class="evidence"><b>Evidence</b> ${evidence}.</p>
</header>
${tiles(report)}`;
}

function agreements({ parameters, predictions }: VerifyReport): string[] {
  return [
    parameters === null ? "Tensors were not compared." : `All ${plural(parameters.equal.length, "tensor")} have equal values and dtypes.`,
    predictions === null
      ? "Predictions were not compared."
      : `Both frameworks' own forwards agree on ${plural(predictions.tokens, "prediction")}, to within ${predictions.numerics === "exact" ? "the order of float32 sums" : "their rounding noise"}.`,
  ];
}

const SAID = {
  different: "with different values",
  missing: "missing in B",
  extra: "only in B",
  otherDtype: "with equal values in another dtype",
  rounded: "with A's values rounded to B's dtype",
} as const;

function differences({ parameters, settings, predictions }: VerifyReport): string[] {
  const reasons: string[] = [];
  if (parameters !== null) {
    const kinds = (["different", "missing", "extra", "otherDtype", "rounded"] as const).filter((kind) => parameters[kind].length > 0);
    for (const kind of kinds) reasons.push(`${plural(parameters[kind].length, "tensor")} ${SAID[kind]}: ${fewNames(parameters[kind])}.`);
    if (kinds.length === 0) reasons.push(`All ${plural(parameters.equal.length, "tensor")} have equal values and dtypes.`);
  }
  for (const setting of settings) reasons.push(`Setting ${setting}.`);
  const first = predictions?.firstDivergence ?? null;
  if (first !== null) {
    reasons.push(`The forwards part at ${first.stage}: by ${figure(first.distance)}, where at most ${figure(first.limit)} is allowed.`);
  } else if (predictions !== null) reasons.push(`${plural(predictions.tokens, "prediction")} agree all the same.`);
  else reasons.push("Predictions were not compared.");
  return reasons;
}

/** Groups of names that are named; the table below has all. */
const MOST_GROUPS = 4;

function fewNames(names: readonly string[]): string {
  const groups = groupNames(names.map((name) => ({ name, detail: "" })));
  const shown = groups.slice(0, MOST_GROUPS).map(({ name, count: size }) => (size > 1 ? `${name} (${size})` : name));
  const left = groups.slice(MOST_GROUPS).reduce((sum, { count: size }) => sum + size, 0);
  return [...shown, ...(left === 0 ? [] : [`and ${count(left)} more`])].join(", ");
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly state: "good" | "bad" | "plain";
}

const stateOf = (isGood: boolean): Tile["state"] => (isGood ? "good" : "bad");

function tiles(report: VerifyReport): Markup {
  const shown = [...parameterTiles(report), ...predictionTiles(report)];
  return html`<section class="tiles" aria-label="Figures">${shown.map(
    ({ label, value, note, state }) =>
      html`<div class="tile ${state}"><p class="label">${label}</p><p class="value">${value}</p><p class="note">${note}</p></div>`,
  )}</section>`;
}

function parameterTiles({ parameters, settings }: VerifyReport): Tile[] {
  if (parameters === null) return [{ label: "Tensors equal", value: "–", note: "not compared", state: "plain" }];
  const { equal, extra } = parameters;
  const total = Object.values(parameters).reduce((sum, names) => sum + names.length, 0);
  const note =
    settings.length > 0
      ? `${plural(settings.length, "setting")} of the forward differ${settings.length === 1 ? "s" : ""}`
      : "settings of the forward alike";
  const value = `${count(equal.length)} / ${count(total - extra.length)}`;
  return [{ label: "Tensors equal", value, note, state: stateOf(equal.length === total && settings.length === 0) }];
}

function predictionTiles({ predictions }: VerifyReport): Tile[] {
  if (predictions === null) return [{ label: "Predictions", value: "–", note: "not compared", state: "plain" }];
  const { tokens, correctA, correctB, argmaxEqual, top10Equal, maxAbs, meanAbs, limit, kl, numerics, measures } = predictions;
  const [largest, klLimit] = (["largest difference", "mean KL"] as const).map((wanted) => measures.find(({ name }) => name === wanted));
  const [what, measured] = numerics === "exact" ? (["Largest |Δlogit|", maxAbs] as const) : (["Mean |Δlogit|", meanAbs] as const);
  return [
    { label: "Accuracy A", value: share(correctA, tokens), note: `${count(correctA)} of ${count(tokens)} next tokens`, state: "plain" },
    {
      label: "Accuracy B",
      value: share(correctB, tokens),
      note: `${count(correctB)} of ${count(tokens)} next tokens`,
      state: stateOf(correctA === correctB || predictions.agree),
    },
    {
      label: "Same best token",
      value: `${count(argmaxEqual)} / ${count(tokens)}`,
      note: "positions",
      state: stateOf(argmaxEqual === tokens || predictions.agree),
    },
    {
      label: "Same top ten",
      value: `${count(top10Equal)} / ${count(tokens)}`,
      note: "positions, in order",
      state: stateOf(top10Equal === tokens || predictions.agree),
    },
    { label: what, value: figure(measured), note: `limit ${figure(limit)}`, state: stateOf(measured <= limit) },
    ...(largest === undefined
      ? []
      : [
          {
            label: "Largest |Δlogit|",
            value: figure(maxAbs),
            note: `limit ${figure(largest.limit)}`,
            state: stateOf(maxAbs <= largest.limit),
          },
        ]),
    {
      label: "Mean KL(A ‖ B)",
      value: figure(kl.mean),
      note: `nats; largest ${figure(kl.max)}${klLimit === undefined ? "" : `; limit ${figure(klLimit.limit)}`}`,
      state: klLimit === undefined ? "plain" : stateOf(kl.mean <= klLimit.limit),
    },
  ];
}
