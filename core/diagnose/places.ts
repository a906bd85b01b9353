// Where a tensor stands in its model: which blocks are repeated as layers, and what each holds.

import type { Architecture, Block, Component } from "../architecture/architecture.js";
import type { Checkpoint } from "../layout/layout.js";

/** A declared block's repetitions in order; one for a block that is not repeated. */
export interface BlockSeries {
  readonly name: string;
  readonly isRepeated: boolean;
  readonly blocks: readonly Block[];
}

export function seriesOf({ plugin, blocks }: Architecture): BlockSeries[] {
  return plugin.blocks.map(({ name, repeat }) => ({
    name,
    isRepeated: repeat !== undefined,
    blocks: blocks.filter((block) => (repeat === undefined ? block.name === name : block.name.startsWith(`${name}.`))),
  }));
}

export const componentsOf = ({ parameters }: Block): Component[] => parameters.flatMap(({ components }) => components);

/** A bias has one element for each row of the matrix beside it. */
export function isBias(architecture: Architecture, checkpoint: Checkpoint, name: string): boolean {
  const shapeOf = (of: string) =>
    architecture.components.find((component) => component.name === of)?.shape ?? checkpoint.tensors.get(of)?.shape ?? [];
  const [vector, matrix] = [shapeOf(name), shapeOf(name.replace(/[^.]+$/, "weight"))];
  return vector.length === 1 && matrix.length === 2 && matrix[0] === vector[0];
}

/** Norms' weights are the tensors of one axis that stand alone. */
export const isNorm = ({ components }: Architecture, { name, shape }: Component): boolean =>
  shape.length === 1 && !components.some((other) => other.shape.length === 2 && other.name === name.replace(/[^.]+$/, "weight"));

/** A norm after the last layer: one of a block that is not repeated. */
export const isFinalNorm = (architecture: Architecture, name: string): boolean =>
  seriesOf(architecture).some(
    ({ isRepeated, blocks }) =>
      !isRepeated &&
      blocks.some((block) => componentsOf(block).some((component) => component.name === name && isNorm(architecture, component))),
  );
