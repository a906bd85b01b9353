// Every place of every Hugging Face tensor in the Nanotron parameters, by content. First rows in rows; for what is left, columns too.

import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import { findAll, greatestCommonDivisor, type HeadOrder } from "./find.js";
import { type Axis, type LineOptions, type Lines, readLines } from "./lines.js";
import type { View } from "./view.js";

/** All of one source's lines as a block of lines of one parameter. */
export interface Placement {
  readonly source: number;
  readonly parameter: number;
  /** Lines of the source along this axis are lines of the parameter along that one: a transpose where they differ. */
  readonly sourceAxis: Axis;
  readonly parameterAxis: Axis;
  readonly offset: number;
  readonly count: number;
  readonly headDim: HeadOrder;
}

export interface Matches {
  /** All there are, also where several exclude each other. */
  readonly placements: readonly Placement[];
  /** Rows of each side, for what is to be said of what has no place. */
  readonly sources: readonly Lines[];
  readonly parameters: readonly Lines[];
}

/** Rows in rows is how nearly every tensor lies, and needs no tensor to be read across. */
const ACROSS: readonly (readonly [Axis, Axis])[] = [
  [1, 0],
  [1, 1],
  [0, 1],
];

/** @throws {StorageError | CancelledError} */
export async function findMatches(
  store: Store,
  sources: readonly View[],
  parameters: readonly View[],
  options: LineOptions,
): Promise<Matches> {
  const files = new OpenFiles(store);
  try {
    const rows = { sources: await readAll(files, sources, options), parameters: await readAll(files, parameters, options) };
    const direct = placementsOf(rows.sources, rows.parameters, 0, 0);
    const leftSources = sources.map((view, at) => (direct.some(({ source }) => source === at) ? undefined : view));
    const leftParameters = parameters.map((view, at) => (isCovered(at, view.rows, direct) ? undefined : view));
    const across = await findAcross(files, rows, leftSources, leftParameters, options);
    return { placements: [...direct, ...across], ...rows };
  } finally {
    await files.close();
  }
}

async function readAll(files: OpenFiles, views: readonly View[], options: LineOptions): Promise<Lines[]> {
  const lines: Lines[] = [];
  for (const view of views) lines.push(await readLines(files, view, 0, options));
  return lines;
}

type Some<T> = readonly (T | undefined)[];

function placementsOf(sources: Some<Lines>, parameters: Some<Lines>, sourceAxis: Axis, parameterAxis: Axis): Placement[] {
  const byKind = new Map<string, number[]>();
  for (const lines of sources) if (lines !== undefined) byKind.set(lines.kind, [...(byKind.get(lines.kind) ?? []), lines.count]);
  const steps = new Map([...byKind].map(([kind, counts]) => [kind, greatestCommonDivisor(counts)]));
  return parameters.flatMap((container, parameter) =>
    sources.flatMap((lines, source) => {
      if (lines === undefined || container === undefined) return [];
      const finds = findAll(lines, container, steps.get(lines.kind) ?? 1);
      return finds.map((find) => ({ source, parameter, sourceAxis, parameterAxis, count: lines.count, ...find }));
    }),
  );
}

/** Whether placements reach every line of a parameter. */
function isCovered(parameter: number, lines: number, placements: readonly Placement[]): boolean {
  const found = placements.filter((placement) => placement.parameter === parameter).sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, count } of found) if (offset <= end) end = Math.max(end, offset + count);
  return end >= lines;
}

async function findAcross(
  files: OpenFiles,
  rows: { sources: readonly Lines[]; parameters: readonly Lines[] },
  sources: Some<View>,
  parameters: Some<View>,
  options: LineOptions,
): Promise<Placement[]> {
  const columns = { sources: await readAcross(files, sources, options), parameters: await readAcross(files, parameters, options) };
  const left = {
    sources: rows.sources.map((lines, at) => (sources[at] === undefined ? undefined : lines)),
    parameters: rows.parameters.map((lines, at) => (parameters[at] === undefined ? undefined : lines)),
  };
  return ACROSS.flatMap(([sourceAxis, parameterAxis]) =>
    placementsOf(
      sourceAxis === 0 ? left.sources : columns.sources,
      parameterAxis === 0 ? left.parameters : columns.parameters,
      sourceAxis,
      parameterAxis,
    ),
  );
}

/** Columns of matrices; nothing else has a second order. */
async function readAcross(files: OpenFiles, views: Some<View>, options: LineOptions): Promise<(Lines | undefined)[]> {
  const lines: (Lines | undefined)[] = [];
  for (const view of views) lines.push(view?.shape.length === 2 ? await readLines(files, view, 1, options) : undefined);
  return lines;
}
