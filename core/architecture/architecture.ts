// A plugin expanded with one model's configuration: its concrete tensors, their factored axes, and how they go together.
// Layout-neutral: a layout decides from it which files there are and where each byte lies.

import { UnsupportedError } from "../errors.js";
import type { Shape } from "../tensor/shape.js";
import { numElements } from "../tensor/shape.js";
import {
  type BlockDeclaration,
  type CastTarget,
  fuseAxisOf,
  nanotronTemplate,
  type ParameterDeclaration,
  type Plugin,
  pointerOf,
  type Repeat,
  type SourceDeclaration,
  stackOf,
  withinOf,
} from "./declaration.js";
import type { Configuration, Dimensions } from "./settings.js";
import { nameAt, parsePattern, sizeOf } from "./shape-pattern.js";

/** A Hugging Face tensor: the unit that everything else is made of. */
export interface Component {
  /** The Hugging Face tensor's name. */
  readonly name: string;
  /** Sizes of the symbols of each axis, outermost first. */
  readonly axes: readonly (readonly number[])[];
  /** Hugging Face's shape. */
  readonly shape: Shape;
  /** Axis 0 ends in head_dim; where RoPE is interleaved the rows of each head are permuted. */
  readonly rotary: boolean;
  /** Nanotron holds the two axes in the other order. */
  readonly transpose: boolean;
  /** Symbol of the outermost part of each axis, for messages. */
  readonly outerSymbols: readonly string[];
}

/** Rows of each head, of a component whose first axis is heads of rows. */
export const headDimOf = ({ axes }: Component): number => axes[0]?.at(-1) ?? 0;

/** A Nanotron parameter: one component, or several joined along an axis, or a stack of such. */
export interface Parameter {
  readonly name: string;
  /** Of a stack: those of its first member, then those of its second, … */
  readonly components: readonly Component[];
  /** Within one member of a stack. */
  readonly fuseAxis: number | undefined;
  /**
   * How many times the components are joined anew along the fused axis: each in so many parts, the first parts of all, then the
   * second parts, …; undefined when each is joined whole.
   */
  readonly fuseGroups: number | undefined;
  /** How many members a stack has, each with as many components; they lie along an axis in front of the others. */
  readonly stack: number | undefined;
  /** What Nanotron keeps it in whatever the model's dtype. */
  readonly dtype: CastTarget | undefined;
  /** The axis that tensor-parallel ranks share; undefined when every rank holds all of it. */
  readonly parallelAxis: number | undefined;
}

/** A pipeline block; its cost decides where Nanotron puts it. */
export interface Block {
  readonly name: string;
  readonly cost: number;
  readonly parameters: readonly Parameter[];
}

export interface TiedTensor {
  readonly name: string;
  readonly to: string;
  readonly parameter: string;
}

export interface Architecture {
  readonly plugin: Plugin;
  readonly configuration: Configuration;
  readonly blocks: readonly Block[];
  /** In the order of transformers' state dict. */
  readonly components: readonly Component[];
  /** Tensors that are another one under a second name; no layout needs to store them. */
  readonly tied: readonly TiedTensor[];
  /** Hugging Face tensors left behind, with the reason. */
  readonly ignored: ReadonlyMap<string, string>;
}

/** Ten times the deepest model there is; a config that says more is wrong, and would fill the memory. */
const MAX_REPEATS = 10_000;

/**
 * Expand a plugin with a model's configuration. Pure.
 *
 * @throws {UnsupportedError} a head that cannot be rotated, or more repetitions of a block than any model has
 */
export function expand(plugin: Plugin, configuration: Configuration): Architecture {
  const { dimensions, settings } = configuration;
  const tied: TiedTensor[] = [];
  const blocks: Block[] = [];
  for (const declaration of plugin.blocks) {
    const count = repeats(plugin, declaration.repeat, dimensions);
    for (let at = 0; at < count; at++) {
      const parameters = declaration.parameters.flatMap((parameter) => {
        const expanded = expandParameter(plugin, parameter, declaration, at, dimensions);
        if (parameter.tied === undefined || settings[parameter.tied.when] !== true) return [expanded];
        tied.push({ name: expanded.components[0]?.name ?? "", to: parameter.tied.to, parameter: expanded.name });
        return [];
      });
      blocks.push({ name: blockName(declaration, at), cost: costOf(declaration, dimensions), parameters });
    }
  }
  const components = blocks.flatMap((block) => block.parameters.flatMap((parameter) => parameter.components));
  return { plugin, configuration, blocks, components, tied, ignored: expandIgnored(plugin, dimensions) };
}

function repeats(plugin: Plugin, repeat: Repeat | undefined, dimensions: Dimensions): number {
  const count = repeat === undefined ? 1 : (dimensions[repeat.count] ?? 0);
  if (count <= MAX_REPEATS) return count;
  throw new UnsupportedError(`${repeat?.count}: expected at most ${MAX_REPEATS}, found ${count}`, false, {
    hint: "check the config",
    pointer: pointerOf(plugin.dimensions, repeat?.count ?? ""),
  });
}

const blockName = ({ name, repeat }: BlockDeclaration, at: number): string => (repeat === undefined ? name : `${name}.${at}`);

function costOf({ cost = [] }: BlockDeclaration, dimensions: Dimensions): number {
  const value = (factor: string | number) => (typeof factor === "number" ? factor : (dimensions[factor] ?? 0));
  return cost.reduce((sum, product) => sum + product.reduce<number>((result, factor) => result * value(factor), 1), 0);
}

function expandParameter(
  plugin: Plugin,
  declaration: ParameterDeclaration,
  { repeat }: BlockDeclaration,
  at: number,
  dimensions: Dimensions,
): Parameter {
  const { parallel } = declaration;
  const sources = [declaration.huggingface].flat() as SourceDeclaration[];
  const each = stackOf(declaration);
  const within = withinOf(declaration);
  const count = repeats(plugin, each, dimensions);
  const members = Array.from({ length: count }, (_, member) =>
    sources.map((source) => {
      const name = nameAt(nameAt(source.tensor, repeat?.index, at), each?.index, member);
      return expandComponent(plugin, source, name, dimensions);
    }),
  );
  return {
    name: nameAt(nanotronTemplate(declaration), repeat?.index, at),
    components: members.flat(),
    fuseAxis: fuseAxisOf(declaration),
    fuseGroups: within === undefined ? undefined : dimensions[within],
    stack: each === undefined ? undefined : count,
    dtype: declaration.dtype,
    parallelAxis: parallel === undefined ? undefined : parallel === "column" ? 0 : 1,
  };
}

function expandComponent(plugin: Plugin, source: SourceDeclaration, name: string, dimensions: Dimensions): Component {
  const pattern = parsePattern(source.shape);
  const axes = pattern.map((axis) => axis.map((symbol) => sizeOf(symbol, dimensions) ?? 0));
  const rotary = source.rotary ?? false;
  const headDim = axes[0]?.at(-1) ?? 0;
  if (rotary && headDim % 2 !== 0) {
    throw new UnsupportedError(`${name}: RoPE pairs the rows of a head: expected an even head size, found ${headDim}`, false, {
      pointer: pointerOf(plugin.dimensions, pattern[0]?.at(-1) ?? ""),
    });
  }
  return {
    name,
    axes,
    shape: axes.map(numElements),
    rotary,
    transpose: source.transpose ?? false,
    outerSymbols: pattern.map((axis) => axis[0] ?? ""),
  };
}

function expandIgnored(plugin: Plugin, dimensions: Dimensions): Map<string, string> {
  const ignored = new Map<string, string>();
  for (const { tensor, repeat, because } of plugin.ignore) {
    const count = repeats(plugin, repeat, dimensions);
    for (let at = 0; at < count; at++) ignored.set(nameAt(tensor, repeat?.index, at), because);
  }
  return ignored;
}

/** How many components one member of a stack has; all of them where there is no stack. */
export const componentsPerMember = ({ components, stack }: Parameter): number => components.length / (stack ?? 1);

/** A parameter's whole shape in Nanotron: its components joined along the fused axis, transposed ones turned, then stacked. */
export function parameterShape(parameter: Parameter): Shape {
  const { components, fuseAxis, stack } = parameter;
  const member = components.slice(0, componentsPerMember(parameter));
  const shapes = member.map(({ shape, transpose }) => (transpose ? [...shape].reverse() : [...shape]));
  const joined = [...(shapes[0] ?? [])];
  for (const shape of shapes.slice(1)) {
    if (fuseAxis !== undefined) joined[fuseAxis] = (joined[fuseAxis] ?? 0) + (shape[fuseAxis] ?? 0);
  }
  return stack === undefined ? joined : [stack, ...joined];
}
