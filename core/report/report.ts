// The HTML report of a verification: one file that needs no other. Pure: what is measured comes in, text goes out.

import { createHash } from "node:crypto";
import type { VerifyReport } from "../engine/verify.js";
import { distributionSection, divergenceSection } from "./chart-sections.js";
import { commandsOf, type ReportRequest } from "./commands.js";
import { environmentSection, type Machine } from "./environment.js";
import { html } from "./html.js";
import { parametersSection } from "./parameters.js";
import { SCRIPT } from "./script.js";
import { REPORT_START } from "./start.js";
import { STYLE } from "./style.js";
import { sidesSection, summarySection } from "./summary.js";
import { positionsSection } from "./top-tokens.js";
import { topologySection } from "./topology.js";
import { verdictSection } from "./verdict.js";

export type { ReportRequest } from "./commands.js";
export type { Machine } from "./environment.js";
export { thisMachine } from "./machine.js";

export interface ReportInput {
  /** With its `details`; without, the sections that show them are left out. */
  readonly verification: VerifyReport;
  /** What was asked for, so that the report can say how to get it again. */
  readonly request: ReportRequest;
  readonly machine: Machine;
}

/** @returns an HTML document that loads nothing, and may load nothing: its own policy forbids it */
export function renderReport({ verification, request, machine }: ReportInput): string {
  const { a, b, verdict, predictions, details } = verification;
  const title = `${verdict}: ${b.path} against ${a.path}`;
  const body = html`<main class="${verdict}">
${verdictSection(verification)}
${summarySection(verification)}
${divergenceSection(predictions)}
${distributionSection(predictions)}
${positionsSection(predictions)}
${parametersSection(verification)}
${sidesSection(a, b)}
${topologySection(a, b, details)}
${environmentSection(machine, predictions, commandsOf(verification, request))}
</main>`;
  return `${REPORT_START}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html`${title}`.text}</title>
<style>${STYLE}</style>
</head>
<body>
${body.text}
<script>${SCRIPT}</script>
</body>
</html>
`;
}

const hash = createHash("sha256").update(SCRIPT).digest("base64");
/** No address may be fetched, and no script may run but ours. */
const POLICY = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
