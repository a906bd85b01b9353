// Mutants of a plugin: its declaration with one mistake, of the kinds that real mappings had. A kit that lets one live would let
// its author make it. Most convert there and back byte for byte, so that only a word from outside the plugin can tell.

import {
  hasRowOrders,
  nanotronTemplate,
  type ParameterDeclaration,
  type Plugin,
  type SourceDeclaration,
} from "../architecture/declaration.js";
import { parsePattern, sizeOf } from "../architecture/shape-pattern.js";
import { sameShape } from "../tensor/shape.js";

export interface Mutant {
  /** What was done, e.g. `rotary dropped from model.layers.{layer}.self_attn.q_proj.weight`. */
  readonly name: string;
  readonly plugin: Plugin;
}

/** @param dimensions - a model's sizes, by which tensors of equal shape are found */
export function mutantsOf(plugin: Plugin, dimensions: Readonly<Record<string, number>>): Mutant[] {
  const places = placesOf(plugin);
  return [
    ...places.flatMap((place) => transformMutants(plugin, place)),
    ...places.flatMap((place) => orderMutants(plugin, place)),
    ...places.flatMap((place) => groupMutants(plugin, place)),
    ...swapMutants(plugin, places, dimensions),
    ...places.flatMap((place) => absenceMutants(plugin, place)),
    ...ropeFlipped(plugin),
  ];
}

/** A parameter, and where its declaration stands. */
interface Place {
  readonly block: number;
  readonly at: number;
  readonly parameter: ParameterDeclaration;
}

const placesOf = (plugin: Plugin): Place[] =>
  plugin.blocks.flatMap(({ parameters }, block) => parameters.map((parameter, at) => ({ block, at, parameter })));

const sourcesOf = ({ huggingface }: ParameterDeclaration): readonly SourceDeclaration[] => [huggingface].flat() as SourceDeclaration[];

/** The plugin with one parameter changed, or without it. */
function edit(plugin: Plugin, place: Place, change: (parameter: ParameterDeclaration) => ParameterDeclaration | undefined): Plugin {
  const changed = change(place.parameter);
  const blocks = plugin.blocks.map((block, b) =>
    b !== place.block
      ? block
      : {
          ...block,
          parameters: block.parameters.flatMap((parameter, p) => (p !== place.at ? [parameter] : changed === undefined ? [] : [changed])),
        },
  );
  return { ...plugin, blocks: blocks.filter(({ parameters }) => parameters.length > 0) };
}

function editSource(plugin: Plugin, place: Place, source: number, change: Partial<SourceDeclaration>): Plugin {
  return edit(plugin, place, (parameter) => {
    const sources = sourcesOf(parameter).map((declared, s) => (s === source ? { ...declared, ...change } : declared));
    return { ...parameter, huggingface: Array.isArray(parameter.huggingface) ? sources : (sources[0] ?? []) };
  });
}

const mayRotate = ({ shape }: SourceDeclaration): boolean => (parsePattern(shape)[0]?.length ?? 0) >= 2;

/** Every declared transform dropped, and every one that could stand there put there. */
function transformMutants(plugin: Plugin, place: Place): Mutant[] {
  const { parameter } = place;
  const mutants: Mutant[] = [];
  sourcesOf(parameter).forEach((source, at) => {
    const { tensor, shape, rotary = false, transpose = false } = source;
    const pattern = parsePattern(shape);
    if (hasRowOrders(plugin) && mayRotate(source)) {
      mutants.push({
        name: rotary ? `rotary dropped from ${tensor}` : `rotary given to ${tensor}`,
        plugin: editSource(plugin, place, at, { rotary: !rotary }),
      });
    }
    if (pattern.length === 2) {
      const name = transpose ? `transpose dropped from ${tensor}` : `transpose given to ${tensor}`;
      mutants.push({ name, plugin: editSource(plugin, place, at, { transpose: !transpose }) });
    }
  });
  const name = nanotronTemplate(parameter);
  const { parallel, tied, ...rest } = parameter;
  const kept = { ...(parallel === undefined ? {} : { parallel }), ...(tied === undefined ? {} : { tied }) };
  for (const other of ["column", "row"] as const) {
    if (other === parallel)
      mutants.push({
        name: `parallel ${other} dropped from ${name}`,
        plugin: edit(plugin, place, () => ({ ...rest, ...(tied && { tied }) })),
      });
    else
      mutants.push({
        name: `parallel ${other} given to ${name}`,
        plugin: edit(plugin, place, () => ({ ...rest, ...kept, parallel: other })),
      });
  }
  if (parameter.dtype !== undefined) {
    const { dtype: _, ...others } = parameter;
    mutants.push({ name: `dtype dropped from ${name}`, plugin: edit(plugin, place, () => others) });
  }
  mutants.push(...axisMutants(plugin, place));
  if (tied !== undefined)
    mutants.push({ name: `tied dropped from ${name}`, plugin: edit(plugin, place, () => ({ ...rest, ...(parallel && { parallel }) })) });
  return mutants;
}

/** What each member of a stack is joined along, or the other axis. */
function axisMutants(plugin: Plugin, place: Place): Mutant[] {
  const { nanotron } = place.parameter;
  if (typeof nanotron === "string" || !("stack" in nanotron) || nanotron.axis === undefined) return [];
  const other = { ...nanotron, axis: nanotron.axis === 0 ? 1 : 0 };
  const name = `members of ${nanotron.stack} joined along axis ${other.axis}`;
  return [{ name, plugin: edit(plugin, place, (parameter) => ({ ...parameter, nanotron: other })) }];
}

/** A parameter that no rule knows, and one whose tensors are ignored instead of carried. */
function absenceMutants(plugin: Plugin, place: Place): Mutant[] {
  const name = nanotronTemplate(place.parameter);
  const without = edit(plugin, place, () => undefined);
  const repeat = plugin.blocks[place.block]?.repeat;
  const ignored = sourcesOf(place.parameter).map(({ tensor }) => ({ tensor, ...(repeat && { repeat }), because: "a mistake" }));
  return [
    { name: `${name} left out`, plugin: without },
    { name: `${name} ignored`, plugin: { ...without, ignore: [...plugin.ignore, ...ignored] } },
  ];
}

/** The parts of each fused parameter in another order: each pair exchanged. */
function orderMutants(plugin: Plugin, place: Place): Mutant[] {
  const sources = sourcesOf(place.parameter);
  return pairs(sources).map(([a, b]) => ({
    name: `order of ${a.tensor} and ${b.tensor} exchanged in ${nanotronTemplate(place.parameter)}`,
    plugin: edit(plugin, place, (parameter) => ({
      ...parameter,
      huggingface: sources.map((source) => (source === a ? b : source === b ? a : source)),
    })),
  }));
}

/** What is joined whole joined group by group, and the other way round. */
function groupMutants(plugin: Plugin, place: Place): Mutant[] {
  const { nanotron } = place.parameter;
  if (typeof nanotron === "string" || "stack" in nanotron) return [];
  const { within, ...whole } = nanotron;
  if (within !== undefined)
    return [{ name: `within dropped from ${whole.fuse}`, plugin: edit(plugin, place, (parameter) => ({ ...parameter, nanotron: whole })) }];
  const symbols = sourcesOf(place.parameter).map(({ shape }) => parsePattern(shape)[whole.axis]?.[0]);
  const [shared] = symbols;
  if (shared === undefined || symbols.some((symbol) => symbol !== shared)) return [];
  return [
    {
      name: `within ${shared} given to ${whole.fuse}`,
      plugin: edit(plugin, place, (parameter) => ({ ...parameter, nanotron: { ...whole, within: shared } })),
    },
  ];
}

/** Each pair of tensors of equal shape under each other's name. */
function swapMutants(plugin: Plugin, places: readonly Place[], dimensions: Readonly<Record<string, number>>): Mutant[] {
  const all = places.flatMap((place) => sourcesOf(place.parameter).map((source, at) => ({ place, source, at })));
  const shapeOf = ({ shape }: SourceDeclaration) =>
    parsePattern(shape).map((axis) => axis.reduce((size, symbol) => size * (sizeOf(symbol, dimensions) ?? Number.NaN), 1));
  const repeatOf = ({ block }: Place) => JSON.stringify(plugin.blocks[block]?.repeat ?? null);
  return pairs(all)
    .filter(([a, b]) => repeatOf(a.place) === repeatOf(b.place) && sameShape(shapeOf(a.source), shapeOf(b.source)))
    .map(([a, b]) => ({
      name: `${a.source.tensor} and ${b.source.tensor} exchanged`,
      plugin: renamed(
        plugin,
        new Map([
          [a.source.tensor, b.source.tensor],
          [b.source.tensor, a.source.tensor],
        ]),
      ),
    }));
}

function renamed(plugin: Plugin, names: ReadonlyMap<string, string>): Plugin {
  const rename = (source: SourceDeclaration) => ({ ...source, tensor: names.get(source.tensor) ?? source.tensor });
  const blocks = plugin.blocks.map((block) => ({
    ...block,
    parameters: block.parameters.map((parameter) => ({
      ...parameter,
      huggingface: Array.isArray(parameter.huggingface)
        ? parameter.huggingface.map(rename)
        : rename(parameter.huggingface as SourceDeclaration),
    })),
  }));
  return { ...plugin, blocks };
}

/** Every tensor that could be rotary, the other way round. */
function ropeFlipped(plugin: Plugin): Mutant[] {
  const flip = (source: SourceDeclaration) => (mayRotate(source) ? { ...source, rotary: source.rotary !== true } : source);
  const blocks = plugin.blocks.map((block) => ({
    ...block,
    parameters: block.parameters.map((parameter) => ({
      ...parameter,
      huggingface: Array.isArray(parameter.huggingface)
        ? parameter.huggingface.map(flip)
        : flip(parameter.huggingface as SourceDeclaration),
    })),
  }));
  return plugin.blocks.some(({ parameters }) => parameters.some((parameter) => sourcesOf(parameter).some(({ rotary }) => rotary)))
    ? [{ name: "rotary flipped everywhere", plugin: { ...plugin, blocks } }]
    : [];
}

const pairs = <T>(values: readonly T[]): (readonly [T, T])[] => values.flatMap((a, at) => values.slice(at + 1).map((b) => [a, b] as const));
