// Where and how the verification ran, and the commands to run it again.

import type { PredictionsReport } from "../verify/predictions.js";
import type { Commands } from "./commands.js";
import { html, type Markup, nothing } from "./html.js";
import { count } from "./words.js";

/** What a verification ran on. */
export interface Machine {
  /** Versions of Weighbridge and Node. */
  readonly weighbridge: string;
  readonly node: string;
  /** e.g. `linux x64` */
  readonly platform: string;
  /** The processor, and how many of it. */
  readonly processor: string;
  readonly memoryBytes: number;
  /** ISO 8601. */
  readonly time: string;
}

export function environmentSection(
  { weighbridge, node, platform, processor, memoryBytes, time }: Machine,
  predictions: PredictionsReport | null,
  { lines, input }: Commands,
): Markup {
  const facts: [string, string][] = [
    ["weighbridge", weighbridge],
    ["Node", node],
    ["machine", `${platform}, ${processor}, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB of memory`],
    ...(predictions === null ? [] : predictionFacts(predictions)),
    ["made", time],
  ];
  return html`<section><h2>Environment</h2>
<div class="scroll"><table class="facts"><tbody>${facts.map(([name, fact]) => html`<tr><th scope="row">${name}</th><td>${fact}</td></tr>`)}</tbody></table></div></section>
<section><h2>To reproduce</h2>
<pre class="commands"><code>${lines.join("\n")}</code></pre>
${input === undefined ? nothing : html`<details><summary>${input.name}</summary><pre><code>${input.text}</code></pre></details>`}
</section>`;
}

function predictionFacts({ executor, device, passedOver, numerics, prompt, tokens, timings }: PredictionsReport): [string, string][] {
  return [
    ["executor", `${executor}: ${device}`],
    ...passedOver.map((reason): [string, string] => ["not on", reason]),
    ["numerics", numerics === "exact" ? "exact: float32 throughout" : "framework: rounded where each framework rounds"],
    ["prompt", `${prompt}, ${count(tokens)} predictions`],
    ...(timings === null ? [] : ([["time of the forwards", `${timings.wallSeconds.toFixed(2)} s`]] as [string, string][])),
  ];
}
