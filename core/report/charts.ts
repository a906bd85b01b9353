// The report's two charts, drawn by Observable Plot into SVG. Colours are the page's variables, so that both schemes fit.

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Distribution } from "../verify/distribution.js";
import type { StageReport } from "../verify/predictions.js";
import { Markup } from "./html.js";
import { count, figure, share } from "./words.js";

const WIDTH = 980;
const FRAME = { width: WIDTH, marginLeft: 64, style: { fontSize: "12px" } } as const;

/** Plot wants a document to make elements in; this one belongs to no browser. */
const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as { readonly document: unknown };

function draw(options: Plot.PlotOptions): Markup {
  const svg = Plot.plot({ ...FRAME, ...options, document: document as never }) as unknown as { readonly outerHTML: string };
  return new Markup(svg.outerHTML);
}

const superscript = (power: number): string => String(power).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? "⁻");

/** Ticks of a scale over powers of ten. */
const powerOfTen = (power: number): string => (power === 0 ? "1" : `10${superscript(power)}`);

/** Powers of ten, as many as fit. */
function powers([from, to]: readonly [number, number], most: number): number[] {
  const step = Math.ceil((to - from + 1) / most);
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step);
}

/** Smaller differences are drawn here, those of equal states too: zero has no place on a scale of powers. */
const FEWEST_DECADES = 3;

interface Point {
  readonly x: number;
  readonly y: number;
  readonly stage: StageReport;
}

/** The distance of the two forwards at every stage, under its limit, with the noise of rounding and the size of the states. */
export function divergenceChart(stages: readonly StageReport[]): Markup {
  const [low, high] = domainOf(stages);
  const height = (value: number) => (Number.isFinite(value) ? Math.min(high, Math.max(low, value === 0 ? low : Math.log10(value))) : high);
  const line = (of: (stage: StageReport) => number | null): Point[] =>
    stages.flatMap((stage, x) => {
      const value = of(stage);
      return value === null ? [] : [{ x, y: height(value), stage }];
    });
  const distances = line(({ distance }) => distance);
  const lines = [
    { name: "size of the states (rms)", color: "var(--muted)", dash: "", points: line(({ rms }) => rms) },
    { name: "limit", color: "var(--bad)", dash: "6 4", points: line(({ limit }) => limit) },
    { name: "noise of rounding", color: "var(--muted)", dash: "2 3", points: line(({ noise }) => noise) },
    { name: "measured", color: "var(--accent)", dash: "", points: distances },
  ].filter(({ points }) => points.length > 0);
  return draw({
    height: 340,
    marginRight: 150,
    marginBottom: 44,
    ariaLabel: "Distance of the two forwards at every stage",
    x: {
      domain: [0, Math.max(1, stages.length - 1)],
      ticks: ticksOf(stages),
      tickFormat: (at: number) => labelOf(stages[at]?.stage ?? ""),
      label: "layer",
      labelAnchor: "center",
      inset: 26,
    },
    y: { domain: [low, high], ticks: powers([low, high], 9), tickFormat: powerOfTen, label: null, grid: true },
    marks: [
      ...lines.flatMap(({ color, dash, points }) => [
        Plot.lineY(points, { x: "x", y: "y", stroke: color, strokeWidth: 1.6, strokeDasharray: dash }),
      ]),
      Plot.dot(distances, {
        x: "x",
        y: "y",
        r: stages.length <= CROWD ? 4.5 : 2.5,
        fill: ({ stage }: Point) => (stage.distance === 0 ? "var(--card)" : isWithin(stage) ? "var(--good)" : "var(--bad)"),
        stroke: ({ stage }: Point) => (isWithin(stage) ? "var(--good)" : "var(--bad)"),
        title: ({ stage }: Point) => describeStage(stage),
      }),
      ...ends(lines).map(({ name, color, x, y }) =>
        Plot.text([{ x, y }], { x: "x", y: "y", text: () => name, dx: 12, textAnchor: "start", fill: color }),
      ),
    ],
  });
}

const isWithin = ({ distance, limit }: StageReport): boolean => distance <= limit;

const describeStage = ({ stage, distance, limit, noise }: StageReport): string =>
  `${stage}: ${distance === 0 ? "equal" : figure(distance)}, limit ${figure(limit)}${noise === null ? "" : `, noise ${figure(noise)}`}`;

/** Whole powers of ten around everything that is drawn. */
function domainOf(stages: readonly StageReport[]): readonly [number, number] {
  const values = stages
    .flatMap(({ distance, limit, noise, rms }) => [distance, limit, noise ?? 0, rms])
    .filter((value) => value > 0 && Number.isFinite(value));
  const [least, most] = [Math.min(...values, 1), Math.max(...values, 1e-6)];
  const high = Math.ceil(Math.log10(most));
  return [Math.min(Math.floor(Math.log10(least)), high - FEWEST_DECADES), high];
}

/** Labels at the lines' right ends, moved apart where two would lie on each other. */
function ends(lines: readonly { readonly name: string; readonly color: string; readonly points: readonly Point[] }[]) {
  const last = lines.flatMap(({ name, color, points }) => {
    const point = points.at(-1);
    return point === undefined ? [] : [{ name, color, x: point.x, y: point.y }];
  });
  const [lowest, highest] = [Math.min(...last.map(({ y }) => y)), Math.max(...last.map(({ y }) => y))];
  const apart = Math.max((highest - lowest) / 12, 0.35);
  let under = Number.NEGATIVE_INFINITY;
  return last
    .sort((left, right) => left.y - right.y)
    .map((label) => {
      under = Math.max(label.y, under + apart);
      return { ...label, y: under };
    });
}

/** More stages than this have smaller points, so that none hides the next. */
const CROWD = 70;

const MOST_TICKS = 18;

/** The first stage of each layer, and the stages outside of layers; of many layers every second, fifth, tenth … */
function ticksOf(stages: readonly StageReport[]): number[] {
  const starts = stages.flatMap(({ stage }, at) => (labelOf(stage) === labelOf(stages[at - 1]?.stage ?? "") ? [] : [at]));
  const layers = starts.filter((at) => layerOf(stages[at]?.stage ?? "") !== undefined);
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((size) => layers.length / size <= MOST_TICKS) ?? layers.length;
  return starts.filter((at) => {
    const layer = layerOf(stages[at]?.stage ?? "");
    return layer === undefined ? layers.length <= MOST_TICKS || at === stages.length - 1 : layer % step === 0;
  });
}

const layerOf = (stage: string): number | undefined => {
  const [, digits] = /^layer (\d+)\b/.exec(stage) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

const labelOf = (stage: string): string => String(layerOf(stage) ?? stage);

export interface Mark {
  readonly name: string;
  readonly value: number;
  readonly color: string;
}

/** What share of the logits is how far apart. */
export function distributionChart({ total, zero, bins }: Distribution, marks: readonly Mark[]): Markup {
  const bar = (from: number, to: number, size: number, what: string) => ({
    from,
    to,
    percent: (100 * size) / total,
    title: `${what}: ${count(size)} logits, ${share(size, total)}`,
  });
  const bars = bins.map((bin) => bar(Math.log10(bin.from), Math.log10(bin.to), bin.count, `${figure(bin.from)} to ${figure(bin.to)}`));
  const shown = marks.filter(({ value }) => value > 0 && Number.isFinite(value)).map((mark) => ({ ...mark, at: Math.log10(mark.value) }));
  const edges = [...bars.flatMap(({ from, to }) => [from, to]), ...shown.map(({ at }) => at)];
  const least = Math.floor(Math.min(...edges, -1));
  const high = Math.ceil(Math.max(...edges, least + FEWEST_DECADES));
  // Zero has no place on a scale of powers: equal logits have a bar of their own before it.
  const low = zero === 0 ? least : least - 1;
  const equal = zero === 0 ? [] : [bar(low + 0.15, low + 0.65, zero, "equal")];
  return draw({
    height: 280,
    marginTop: 64,
    marginBottom: 44,
    ariaLabel: "Distribution of the differences of logits",
    x: { domain: [low, high], ticks: powers([least, high], 14), tickFormat: powerOfTen, label: "|Δlogit|", labelAnchor: "center" },
    y: { label: null, grid: true, ticks: 5, tickFormat: (value: number) => `${value} %`, nice: true, zero: true },
    marks: [
      Plot.rectY(bars, { x1: "from", x2: "to", y: "percent", fill: "var(--accent)", inset: 0.5, title: "title" }),
      Plot.rectY(equal, { x1: "from", x2: "to", y: "percent", fill: "var(--good)", inset: 0.5, title: "title" }),
      Plot.text(equal, { x: () => low + 0.4, y: "percent", text: () => "equal", dy: -8, fill: "var(--good)" }),
      Plot.ruleY([0], { stroke: "var(--line)" }),
      Plot.ruleX(shown, { x: "at", stroke: "color", strokeWidth: 1.5, strokeDasharray: "5 4" }),
      ...shown.map(({ at, name, color }, row) =>
        Plot.text([{ at }], { x: "at", frameAnchor: "top", text: () => name, dy: -12 - 16 * row, fill: color }),
      ),
    ],
  });
}
