// The tensors that Nanotron ranks hold: each parameter cut per component, then joined, so that a rank has [q_r; k_r; v_r], or those
// of each of its groups.

import { type Architecture, type Component, componentsPerMember, type Parameter, parameterShape } from "../../architecture/architecture.js";
import { pointerOf } from "../../architecture/declaration.js";
import { UnsupportedError } from "../../errors.js";
import { numElements, type Shape } from "../../tensor/shape.js";
import type { Arrangement, Piece, Slot } from "../layout.js";
import { placePiece } from "../place.js";
import type { Region, Sharding } from "../sharding.js";
import { slotKey } from "./file-name.js";

/**
 * @throws {UnsupportedError} TP does not divide heads, key/value heads, feed-forward or vocabulary
 */
export function nanotronSlots(architecture: Architecture, arrangement: Arrangement): Slot[] {
  checkDivisible(architecture, arrangement.tp);
  const slots: Slot[] = [];
  let componentIndex = 0;
  for (const parameter of architecture.blocks.flatMap((block) => block.parameters)) {
    const ranks = parameter.parallelAxis === undefined ? [undefined] : Array.from({ length: arrangement.tp }, (_, rank) => rank);
    for (const rank of ranks) slots.push(slotOf(parameter, componentIndex, rank, arrangement));
    componentIndex += parameter.components.length;
  }
  return slots;
}

/** A component's axis that is cut where Nanotron cuts `axis` of its parameter. */
const componentAxis = ({ transpose, axes }: Component, axis: number): number => (transpose ? axes.length - 1 - axis : axis);

function slotOf(parameter: Parameter, firstComponent: number, rank: number | undefined, { tp, ropeInterleaved }: Arrangement): Slot {
  const { components, fuseAxis, fuseGroups, parallelAxis, stack, dtype } = parameter;
  const perMember = componentsPerMember(parameter);
  const parts = rank === undefined ? 1 : tp;
  const locals = components.map((component) => localShape(component, parallelAxis, parts));
  const shape = join(locals.slice(0, perMember), fuseAxis);
  const groups = fuseGroups === undefined ? 1 : fuseGroups / (parallelAxis === fuseAxis ? parts : 1);
  const period = fuseGroups === undefined || fuseAxis === undefined ? {} : { period: (shape[fuseAxis] ?? 0) / groups };
  const pieces: Piece[] = [];
  let joined = 0;
  components.forEach((component, at) => {
    if (at % perMember === 0) joined = 0;
    const piece = placePiece({
      component,
      componentIndex: firstComponent + at,
      cut:
        rank === undefined || parallelAxis === undefined ? undefined : cutOf(component, componentAxis(component, parallelAxis), rank, tp),
      shape,
      at: fuseAxis === undefined ? undefined : { axis: fuseAxis, index: joined, ...period },
      interleaved: ropeInterleaved,
      transpose: component.transpose,
    });
    pieces.push({ ...piece, offset: piece.offset + Math.floor(at / perMember) * numElements(shape) });
    joined += fuseAxis === undefined ? 0 : (locals[at]?.[fuseAxis] ?? 0) / groups;
  });
  const slot = {
    key: slotKey(parameter.name, rank),
    name: parameter.name,
    shape: stack === undefined ? shape : [stack, ...shape],
    pieces,
    ...(dtype === undefined ? {} : { dtype }),
  };
  return rank === undefined || parallelAxis === undefined ? slot : { ...slot, sharding: shardingOf(parameter, parallelAxis, locals, rank) };
}

function localShape(component: Component, parallelAxis: number | undefined, parts: number): Shape {
  const whole = component.transpose ? [...component.shape].reverse() : component.shape;
  return whole.map((size, axis) => (axis === parallelAxis ? size / parts : size));
}

function join(shapes: readonly Shape[], axis: number | undefined): Shape {
  const [first = [], ...rest] = shapes;
  return first.map((size, at) => (at === axis ? rest.reduce((sum, shape) => sum + (shape[at] ?? 0), size) : size));
}

function cutOf(component: Component, axis: number, rank: number, tp: number): { axis: number; start: number; stop: number } {
  const outer = component.axes[axis]?.[0] ?? 0;
  return { axis, start: (rank * outer) / tp, stop: ((rank + 1) * outer) / tp };
}

function shardingOf(parameter: Parameter, axis: number, locals: readonly Shape[], rank: number): Sharding {
  const unshardedShape = parameterShape(parameter);
  let localStart = 0;
  let globalStart = 0;
  const isChunked = parameter.fuseAxis === axis && parameter.fuseGroups === undefined;
  const chunks = isChunked ? locals : [join(locals, parameter.fuseAxis)];
  const tp = (unshardedShape[axis] ?? 0) / (join(locals, parameter.fuseAxis)[axis] ?? 1);
  const pairs = chunks.map((local) => {
    const size = local[axis] ?? 0;
    const region = (start: number, shape: Shape): Region =>
      shape.map((length, at) => (at === axis ? { start, stop: start + size } : { start: 0, stop: length }));
    const pair = { local: region(localStart, local), global: region(globalStart + rank * size, local) };
    localStart += size;
    globalStart += size * tp;
    return pair;
  });
  return { axis, unshardedShape, pairs };
}

/** Which dimension stands in the way of a TP, in the order in which Nanotron itself would fail. */
function checkDivisible(architecture: Architecture, tp: number): void {
  const cuts = architecture.blocks.flatMap(({ parameters }) =>
    parameters.flatMap(({ components, parallelAxis }) =>
      parallelAxis === undefined ? [] : components.map((component) => outerOf(component, componentAxis(component, parallelAxis))),
    ),
  );
  const refused = cuts.find(({ size }) => size % tp !== 0);
  if (refused === undefined) return;
  const legal = (candidate: number) => cuts.every(({ size }) => size % candidate === 0);
  const largest = Math.min(...cuts.map(({ size }) => size));
  const candidates = Array.from({ length: largest }, (_, index) => index + 1).filter(legal);
  const nearest = candidates.reduce((best, candidate) => (Math.abs(candidate - tp) < Math.abs(best - tp) ? candidate : best), 1);
  throw new UnsupportedError(`tp ${tp} does not divide ${refused.symbol} (${refused.size})`, false, {
    hint: `the nearest TP that does is ${nearest}; possible: ${candidates.join(", ")}`,
    pointer: pointerOf(architecture.plugin.dimensions, refused.symbol),
  });
}

const outerOf = ({ axes, outerSymbols }: Component, axis: number) => ({ symbol: outerSymbols[axis] ?? "", size: axes[axis]?.[0] ?? 1 });
