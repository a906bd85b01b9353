// The second half of the proof: bytes go where they belong. Each segment is held against the layouts' reference maps, which
// are written element by element and share no code with the strides, at its corners, at its first steps along every loop and
// every factored axis, and in the middle.

import { type Architecture, type Component, headDimOf } from "../architecture/architecture.js";
import { PlanError } from "../errors.js";
import { type DType, itemSize } from "../tensor/dtype.js";
import { rowMajorStrides } from "../tensor/shape.js";
import { tensorAt } from "./coverage.js";
import type { Place, Plan, PlanFile, PlanTensor, Segment } from "./plan.js";
import type { ComponentElement, Index, ReferenceMap } from "./transforms.js";

/**
 * @throws {PlanError} PLAN_WRONG_TENSOR or PLAN_MISPLACED, naming the element and where it belongs; PLAN_MALFORMED for a wrong dtype
 */
export function proveCorrespondence(plan: Plan, architecture: Architecture, source: ReferenceMap, target: ReferenceMap): void {
  const from = new Side(plan.sources, source);
  const to = new Side(plan.targets, target);
  plan.segments.forEach((segment, index) => {
    checkDtypes(segment, index, from, to);
    for (const offset of ownPoints(segment, itemSize(from.dtypeAt(segment.source))))
      checkPoint(segment, index, offset, from, to, architecture);
    for (const offset of axisPoints(segment, from, architecture)) checkPoint(segment, index, offset, from, to, architecture);
  });
}

/** One side's tensors, addressed by byte. */
class Side {
  private readonly byKey = new Map<string, { file: number; tensor: PlanTensor; strides: number[] }>();

  constructor(
    private readonly files: readonly PlanFile[],
    private readonly reference: ReferenceMap,
  ) {
    files.forEach(({ tensors }, file) => {
      for (const tensor of tensors) this.byKey.set(tensor.key, { file, tensor, strides: rowMajorStrides(tensor.shape) });
    });
  }

  /** Of the tensor at a place. */
  dtypeAt({ file, byteOffset }: Place): DType {
    const tensors = this.files[file]?.tensors ?? [];
    return tensors[tensorAt(tensors, byteOffset)]?.dtype ?? "U8";
  }

  identify(file: number, byteOffset: number): ComponentElement | undefined {
    const tensors = this.files[file]?.tensors ?? [];
    const tensor = tensors[tensorAt(tensors, byteOffset)];
    if (tensor === undefined || byteOffset < tensor.byteStart || byteOffset >= tensor.byteEnd) return undefined;
    let element = Math.floor((byteOffset - tensor.byteStart) / itemSize(tensor.dtype));
    const strides = this.byKey.get(tensor.key)?.strides ?? [];
    const index = strides.map((stride) => {
      const at = Math.floor(element / stride);
      element -= at * stride;
      return at;
    });
    return this.reference.identify({ key: tensor.key, index });
  }

  locate(element: ComponentElement): { file: number; byteOffset: number } | undefined {
    const { key, index } = this.reference.locate(element);
    const found = this.byKey.get(key);
    if (found === undefined) return undefined;
    const at = index.reduce((sum, position, axis) => sum + position * (found.strides[axis] ?? 0), 0);
    return { file: found.file, byteOffset: found.tensor.byteStart + at * itemSize(found.tensor.dtype) };
  }
}

/** Byte offsets from the segment's start, in the source, of a run's ends, its second and middle element, over the loops' ends. */
function ownPoints({ byteLength, loops }: Segment, item: number): number[] {
  const within = [0, item, Math.floor(byteLength / 2 / item) * item, byteLength - item].filter((offset) => offset < byteLength);
  return loops.reduce<number[]>(
    (points, { count, sourceStride }) => [0, 1, count - 1].flatMap((step) => points.map((point) => point + step * sourceStride)),
    within,
  );
}

/** Byte offsets of the first element's neighbours along the component's factored axes, where they belong to the segment. */
function axisPoints(segment: Segment, from: Side, { components }: Architecture): number[] {
  const { file, byteOffset } = segment.source;
  const first = from.identify(file, byteOffset);
  const component = first === undefined ? undefined : components[first.component];
  if (first === undefined || component === undefined) return [];
  return unitSteps(component).flatMap((step) => {
    const index = first.index.map((position, axis) => position + (step[axis] ?? 0));
    if (index.some((position, axis) => position >= (component.shape[axis] ?? 0))) return [];
    const place = from.locate({ component: first.component, index });
    return place === undefined || place.file !== file || place.byteOffset < byteOffset ? [] : [place.byteOffset - byteOffset];
  });
}

/** A cast must be from and to what the tensors hold, and there must be one where they differ: equal sizes prove nothing. */
function checkDtypes({ source, target, cast }: Segment, index: number, from: Side, to: Side): void {
  const [held, wanted] = [from.dtypeAt(source), to.dtypeAt(target)];
  const [read, written] = [cast?.from ?? held, cast?.to ?? held];
  if (read === held && written === wanted) return;
  throw new PlanError("PLAN_MALFORMED", `segment ${index} reads ${read} and writes ${written}, from ${held} to ${wanted}`);
}

/** One step along each symbol of each axis, and along the halves of a rotated head. */
function unitSteps(component: Component): Index[] {
  const { axes, rotary } = component;
  return axes.flatMap((sizes, axis) => {
    const strides = rowMajorStrides(sizes);
    if (rotary && axis === 0) strides.push(headDimOf(component) / 2);
    return strides.map((stride) => axes.map((_, at) => (at === axis ? stride : 0)));
  });
}

function checkPoint(segment: Segment, index: number, offset: number, from: Side, to: Side, { components }: Architecture): void {
  const written = targetOffset(segment, offset);
  if (written === undefined) return;
  const { source, target } = segment;
  const element = from.identify(source.file, source.byteOffset + offset);
  const arrives = to.identify(target.file, target.byteOffset + written);
  const name = (found: ComponentElement | undefined) =>
    found === undefined ? "no tensor" : `${components[found.component]?.name}[${found.index.join(", ")}]`;
  const says = `segment ${index} carries ${name(element)} to where ${name(arrives)} belongs`;
  if (element === undefined || arrives === undefined || element.component !== arrives.component)
    throw new PlanError("PLAN_WRONG_TENSOR", says);
  const belongs = to.locate(element);
  if (belongs?.file !== target.file || belongs.byteOffset !== target.byteOffset + written) throw new PlanError("PLAN_MISPLACED", says);
}

/** Where the segment writes the byte that it reads at `offset` from its start; undefined for a byte it does not read. */
function targetOffset({ byteLength, loops, cast }: Segment, offset: number): number | undefined {
  let rest = offset;
  let written = 0;
  for (const { count, sourceStride, targetStride } of [...loops].sort((a, b) => b.sourceStride - a.sourceStride)) {
    const step = Math.min(Math.floor(rest / sourceStride), count - 1);
    rest -= step * sourceStride;
    written += step * targetStride;
  }
  if (rest < 0 || rest >= byteLength) return undefined;
  return written + (cast === undefined ? rest : (rest / itemSize(cast.from)) * itemSize(cast.to));
}
