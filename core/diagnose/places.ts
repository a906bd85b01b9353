// Where a tensor stands in its model: which blocks are repeated as layers, and what each holds.

import type { Architecture, Block, Component } from "../architecture/architecture.js";

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

/** Norms' weights are the tensors of one axis. */
export const isVector = ({ shape }: Component): boolean => shape.length === 1;

/** A norm after the last layer: a vector of a block that is not repeated. */
export const isFinalNorm = (architecture: Architecture, name: string): boolean =>
  seriesOf(architecture).some(
    ({ isRepeated, blocks }) =>
      !isRepeated && blocks.some((block) => componentsOf(block).some((component) => component.name === name && isVector(component))),
  );
