// Tensors as inference sees them, the same for both layouts: whole, with the places of their parts on disk. Nothing is read here.

import { CheckpointError } from "../errors.js";
import type { Checkpoint, StoredTensor } from "../layout/layout.js";
import type { DType } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";

/** A box of a whole tensor's rows and columns that one file holds. Ranges are half-open. */
export interface Part {
  readonly path: string;
  /** Of the stored tensor's first element. */
  readonly byteStart: number;
  /** Elements of one of the stored tensor's rows. */
  readonly storedColumns: number;
  /** Where in the stored tensor the box begins. */
  readonly storedRow: number;
  readonly storedColumn: number;
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

export interface View {
  readonly name: string;
  readonly dtype: DType;
  /** Of the whole tensor. */
  readonly shape: Shape;
  /** The shape as a matrix: axis 0, and all the others together. A vector has one column. */
  readonly rows: number;
  readonly columns: number;
  readonly parts: readonly Part[];
  /** The axis that tensor-parallel ranks share, by what its files say; undefined for one that every rank holds. */
  readonly sharedAxis: number | undefined;
}

const matrixOf = (shape: Shape): { rows: number; columns: number } => ({ rows: shape[0] ?? 1, columns: numElements(shape.slice(1)) });

/** Each stored tensor of a checkpoint whose tensors are whole. */
export const wholeViews = ({ files, tensors }: Checkpoint): View[] =>
  [...tensors.values()].map((stored) => {
    const { rows, columns } = matrixOf(stored.shape);
    const part = { ...storedPart(files, stored), storedRow: 0, storedColumn: 0, row: 0, rows, column: 0, columns };
    return { name: stored.name, dtype: stored.dtype, shape: stored.shape, rows, columns, parts: [part], sharedAxis: undefined };
  });

/**
 * Each parameter of a sharded checkpoint, put together from its ranks as their metadata says.
 *
 * @throws {CheckpointError} ranks are missing or contradict each other
 */
export function joinedViews(checkpoint: Checkpoint): View[] {
  const byName = new Map<string, StoredTensor[]>();
  for (const stored of checkpoint.tensors.values()) byName.set(stored.name, [...(byName.get(stored.name) ?? []), stored]);
  return [...byName].map(([name, ranks]) => joinedView(checkpoint, name, ranks));
}

function joinedView(checkpoint: Checkpoint, name: string, ranks: readonly StoredTensor[]): View {
  const [first] = ranks as [StoredTensor];
  const shape = first.sharding?.unshardedShape ?? first.shape;
  const { rows, columns } = matrixOf(shape);
  const parts = ranks.flatMap((stored) => partsOf(checkpoint, stored));
  const covered = parts.reduce((sum, part) => sum + part.rows * part.columns, 0);
  const isUniform = ranks.every(({ dtype, sharding }) => dtype === first.dtype && sharding?.axis === first.sharding?.axis);
  if (!isUniform || covered !== rows * columns) {
    const what = isUniform ? `expected ${rows * columns} elements, found ${covered}` : "its ranks differ in dtype or shared axis";
    throw new CheckpointError(`${checkpoint.root}: ${name}: ${what}`, { hint: "inspect says more about this checkpoint" });
  }
  return { name, dtype: first.dtype, shape, rows, columns, parts, sharedAxis: first.sharding?.axis };
}

function partsOf({ files }: Checkpoint, stored: StoredTensor): Part[] {
  const base = storedPart(files, stored);
  const { sharding, shape } = stored;
  if (sharding === undefined) return [{ ...base, storedRow: 0, storedColumn: 0, row: 0, column: 0, ...matrixOf(shape) }];
  const inner = numElements(shape.slice(2));
  return sharding.pairs.map(({ local, global }) => {
    const { rows, columns } = matrixOf(local.map(({ start, stop }) => stop - start));
    return {
      ...base,
      storedRow: local[0]?.start ?? 0,
      storedColumn: (local[1]?.start ?? 0) * inner,
      row: global[0]?.start ?? 0,
      rows,
      column: (global[1]?.start ?? 0) * inner,
      columns,
    };
  });
}

const storedPart = (files: Checkpoint["files"], { file, byteStart, shape }: StoredTensor) => ({
  path: files[file]?.path ?? "",
  byteStart,
  storedColumns: matrixOf(shape).columns,
});
