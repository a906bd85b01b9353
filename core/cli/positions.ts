// The best next tokens of two models at each position, side by side.

import type { PredictedToken } from "../forward/predicted.js";
import type { PredictionsReport } from "../verify/predictions.js";
import { print } from "./output.js";

/** A token's text in a column of this width; a longer one is cut. */
const TEXT_WIDTH = 14;

export function printPositions(predictions: PredictionsReport | null): void {
  for (const [position, { next, a, b }] of Object.entries(predictions?.positions ?? {})) {
    print(`\nposition ${position}, then ${nameOf(next)}`);
    print(`        ${"A".padEnd(TEXT_WIDTH + 17)}  B`);
    for (let at = 0; at < Math.max(a.length, b.length); at++) {
      const mark = a[at]?.token === b[at]?.token ? " " : "≠";
      print(`${String(at + 1).padStart(4)}  ${mark} ${cell(a[at])}  ${cell(b[at])}`.trimEnd());
    }
  }
}

const nameOf = ({ token, text }: { readonly token: number; readonly text: string | null }): string =>
  text === null ? String(token) : JSON.stringify(text);

function cell(predicted: PredictedToken | undefined): string {
  if (predicted === undefined) return "".padEnd(TEXT_WIDTH + 17);
  const { token, text, probability } = predicted;
  const name = text === null ? "" : JSON.stringify(text);
  const shown = name.length > TEXT_WIDTH ? `${name.slice(0, TEXT_WIDTH - 1)}…` : name;
  return `${probability.toFixed(6)}  ${String(token).padStart(6)} ${shown.padEnd(TEXT_WIDTH)}`;
}
