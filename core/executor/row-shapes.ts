// The shapes and checks of the ops that send rows to experts and back, as shapes.ts has those of the others.

import { ExecutorError } from "../errors.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor, Weight } from "./executor.js";
import { checkWeight } from "./shapes.js";

type Size = Tensor["shape"];

export function linearTransposedShape(x: Tensor, weight: Weight): Size {
  checkWeight("linearTransposed", weight, [x.shape[1], undefined]);
  return [x.shape[0], weight.shape[1] as number];
}

export function takeRowsShape(x: Tensor, rows: Uint32Array): Size {
  if (rows.length === 0) throw new ExecutorError("takeRows: expected at least one row, found none");
  const beyond = rows.find((row) => row >= x.shape[0]);
  if (beyond !== undefined) throw new ExecutorError(`takeRows: expected rows within [0, ${x.shape[0]}), found ${beyond}`);
  return [rows.length, x.shape[1]];
}

export function joinRowsShape(parts: readonly Tensor[]): Size {
  const columns = parts[0]?.shape[1];
  if (columns === undefined) throw new ExecutorError("joinRows: expected at least one tensor, found none");
  const other = parts.find((part) => part.shape[1] !== columns);
  if (other !== undefined) throw new ExecutorError(`joinRows: columns: expected ${columns}, found ${other.shape[1]}`);
  return [parts.reduce((sum, part) => sum + part.shape[0], 0), columns];
}

export function scaleRowsShape(x: Tensor, factors: Float32Array): Size {
  if (factors.length === x.shape[0]) return x.shape;
  throw new ExecutorError(`scaleRows: expected a factor for each row of ${formatShape(x.shape)}, found ${factors.length}`);
}
