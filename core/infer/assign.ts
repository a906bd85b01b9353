// One place for each tensor: what content decides is taken first; of equal contents names decide, and where they say nothing either,
// order does. Every choice that content did not make is told. Pure.

import { groupBy } from "./group-by.js";
import type { Placement } from "./match.js";
import { type ParsedName, parseName, sharedWords } from "./names.js";

export interface Chosen extends Placement {
  /** What decided: that there was one place only, a likeness of names, or nothing but the order of the names. */
  readonly by: "content" | "name" | "order";
}

interface Scored {
  readonly placement: Placement;
  readonly score: number;
}

/** Where a module's other tensors lie, or the same in another layer, outweighs any number of shared words. */
const SAME_MODULE = 100;

/** @param sources - names by number, as placements have them */
export function assign(placements: readonly Placement[], sources: readonly string[], parameters: readonly string[]): Chosen[] {
  const assignment = new Assignment(sources.map(parseName), parameters.map(parseName));
  const { open, chosen } = settle(placements);
  for (const placement of chosen) assignment.learn(placement);
  const result: Chosen[] = chosen.map((placement) => ({ ...placement, by: "content" }));
  let left = assignment.ofOneLayer(open);
  while (left.length > 0) {
    const { best, isTied } = assignment.best(left);
    assignment.learn(best);
    result.push({ ...best, by: isTied ? "order" : "name" });
    left = left.filter((other) => !excludes(best, other));
  }
  return result;
}

/** Placements of which there is no other of the same source, nor of the same lines; each rules others out, and so on. */
function settle(placements: readonly Placement[]): { chosen: Placement[]; open: Placement[] } {
  const chosen: Placement[] = [];
  let open = [...placements];
  for (;;) {
    const bySource = groupBy(open, ({ source }) => source);
    const byParameter = groupBy(open, ({ parameter }) => parameter);
    const isAlone = (placement: Placement) =>
      bySource.get(placement.source)?.length === 1 &&
      (byParameter.get(placement.parameter) ?? []).every((other) => other === placement || !overlaps(other, placement));
    const certain = open.filter(isAlone);
    if (certain.length === 0) return { chosen, open };
    chosen.push(...certain);
    const taken = groupBy(certain, ({ parameter }) => parameter);
    const sources = new Set(certain.map(({ source }) => source));
    open = open.filter(
      (other) => !sources.has(other.source) && !(taken.get(other.parameter) ?? []).some((placement) => overlaps(placement, other)),
    );
  }
}

const excludes = (a: Placement, b: Placement): boolean => a.source === b.source || (a.parameter === b.parameter && overlaps(a, b));

/** Of one parameter: along different axes a block of rows and one of columns always meet. */
const overlaps = (a: Placement, b: Placement): boolean =>
  a.parameterAxis !== b.parameterAxis || (a.offset < b.offset + b.count && b.offset < a.offset + a.count);

class Assignment {
  private readonly modules = new Set<string>();

  constructor(
    private readonly sources: readonly (ParsedName | undefined)[],
    private readonly parameters: readonly (ParsedName | undefined)[],
  ) {}

  learn(placement: Placement): void {
    const [source, parameter] = this.namesOf(placement);
    if (source === undefined || parameter === undefined) return;
    this.modules.add(`${source.module} ${parameter.module} ${placement.offset}`);
  }

  /** Without places in another layer, for sources that have one in their own. */
  ofOneLayer(placements: readonly Placement[]): Placement[] {
    const isOwn = (placement: Placement) => {
      const [source, parameter] = this.namesOf(placement);
      return source?.layer === parameter?.layer;
    };
    const own = new Set(placements.filter(isOwn).map(({ source }) => source));
    return placements.filter((placement) => isOwn(placement) || !own.has(placement.source));
  }

  best(placements: readonly Placement[]): { best: Placement; isTied: boolean } {
    const scored = placements.map((placement): Scored => ({ placement, score: this.scoreOf(placement) }));
    const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
    const isTied = scored.some((other) => other !== best && other.score === best.score && excludes(other.placement, best.placement));
    return { best: best.placement, isTied };
  }

  private scoreOf(placement: Placement): number {
    const [source, parameter] = this.namesOf(placement);
    if (source === undefined || parameter === undefined) return 0;
    const module = this.modules.has(`${source.module} ${parameter.module} ${placement.offset}`) ? SAME_MODULE : 0;
    return module + sharedWords(source, parameter);
  }

  private namesOf({ source, parameter }: Placement): [ParsedName | undefined, ParsedName | undefined] {
    return [this.sources[source], this.parameters[parameter]];
  }
}
