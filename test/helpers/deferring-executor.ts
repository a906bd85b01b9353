// An executor that runs nothing until something is read. Who relies on eager ops, or on host arrays behind tensors, fails with it.

import type { Executor, ExecutorProvider, Tensor } from "../../core/executor/executor.js";
import { Handles } from "../../core/executor/handles.js";
import * as rowShapes from "../../core/executor/row-shapes.js";
import * as shapes from "../../core/executor/shapes.js";

/** An op that was accepted, and its result once it has run. */
interface Step {
  readonly inputs: readonly Step[];
  readonly start: (inputs: readonly Tensor[]) => Promise<Tensor>;
  result: Promise<Tensor> | undefined;
  /** The tensor, and the steps not yet run that need it. At none, the inner tensor is released. */
  references: number;
}

export const deferringProvider = (inner: ExecutorProvider): ExecutorProvider => ({
  name: "deferring",
  unavailable: () => inner.unavailable(),
  device: async () => inner.device?.(),
  open: async (store) => deferring(await inner.open(store)),
});

export function deferring(inner: Executor): Executor {
  const handles = new Handles<Step>("deferring");

  const unreference = async (step: Step): Promise<void> => {
    step.references--;
    if (step.references === 0 && step.result !== undefined) inner.release(await step.result);
  };

  const run = (step: Step): Promise<Tensor> => {
    step.result ??= (async () => {
      const inputs = await Promise.all(step.inputs.map(run));
      const tensor = await step.start(inputs);
      for (const input of step.inputs) await unreference(input);
      return tensor;
    })();
    return step.result;
  };

  /** Checked in the order of every executor: whose tensors they are, then their shapes. */
  const record = async (tensors: readonly Tensor[], shape: () => Tensor["shape"], start: Step["start"]): Promise<Tensor> => {
    const inputs = tensors.map((tensor) => handles.get(tensor));
    const tensor = handles.make(shape(), { inputs, start, result: undefined, references: 1 });
    for (const input of inputs) input.references++;
    return tensor;
  };

  /** A read holds its tensors until it ends. */
  const reading = async <T>(tensors: readonly Tensor[], read: (...inner: Tensor[]) => Promise<T>): Promise<T> => {
    const steps = tensors.map((tensor) => handles.get(tensor));
    for (const step of steps) step.references++;
    const result = await read(...(await Promise.all(steps.map(run))));
    for (const step of steps) await unreference(step);
    return result;
  };

  return {
    name: "deferring",
    device: `${inner.device}, at a read`,
    embed: (table, tokens, options) => {
      const kept = tokens.slice();
      return record(
        [],
        () => shapes.embedShape(table, tokens, options),
        () => inner.embed(table, kept, options),
      );
    },
    rmsNorm: (x, weight, options) =>
      record(
        [x],
        () => shapes.rmsNormShape(x, weight),
        ([a]) => inner.rmsNorm(a as Tensor, weight, options),
      ),
    layerNorm: (x, weight, bias, options) =>
      record(
        [x],
        () => shapes.layerNormShape(x, weight, bias),
        ([a]) => inner.layerNorm(a as Tensor, weight, bias, options),
      ),
    linear: (x, weight, options) =>
      record(
        [x],
        () => shapes.linearShape(x, weight, options),
        ([a]) => inner.linear(a as Tensor, weight, options),
      ),
    columns: (x, start, stop) =>
      record(
        [x],
        () => shapes.columnsShape(x, start, stop),
        ([a]) => inner.columns(a as Tensor, start, stop),
      ),
    joinColumns: (parts) =>
      record(
        parts,
        () => shapes.joinColumnsShape(parts),
        (all) => inner.joinColumns(all),
      ),
    rotate: (x, options) => {
      const kept = { ...options, frequencies: options.frequencies.slice() };
      return record(
        [x],
        () => shapes.rotateShape(x, options),
        ([a]) => inner.rotate(a as Tensor, kept),
      );
    },
    attention: (q, k, v, options) =>
      record(
        [q, k, v],
        () => shapes.attentionShape(q, k, v, options),
        ([a, b, c]) => inner.attention(a as Tensor, b as Tensor, c as Tensor, options),
      ),
    siluMul: (gate, up, options) =>
      record(
        [gate, up],
        () => shapes.pairShape("siluMul", gate, up),
        ([a, b]) => inner.siluMul(a as Tensor, b as Tensor, options),
      ),
    geluTanh: (x, round) =>
      record(
        [x],
        () => x.shape,
        ([a]) => inner.geluTanh(a as Tensor, round),
      ),
    add: (a, b, round) =>
      record(
        [a, b],
        () => shapes.pairShape("add", a, b),
        ([left, right]) => inner.add(left as Tensor, right as Tensor, round),
      ),
    linearTransposed: (x, weight, round) =>
      record(
        [x],
        () => rowShapes.linearTransposedShape(x, weight),
        ([a]) => inner.linearTransposed(a as Tensor, weight, round),
      ),
    takeRows: (x, rows) => {
      const kept = rows.slice();
      return record(
        [x],
        () => rowShapes.takeRowsShape(x, rows),
        ([a]) => inner.takeRows(a as Tensor, kept),
      );
    },
    joinRows: (parts) =>
      record(
        parts,
        () => rowShapes.joinRowsShape(parts),
        (all) => inner.joinRows(all),
      ),
    scaleRows: (x, factors, round) => {
      const kept = factors.slice();
      return record(
        [x],
        () => rowShapes.scaleRowsShape(x, factors),
        ([a]) => inner.scaleRows(a as Tensor, kept, round),
      );
    },
    read: (x, firstRow, rows) => reading([x], (tensor) => inner.read(tensor as Tensor, firstRow, rows)),
    argmax: (x) => reading([x], (tensor) => inner.argmax(tensor as Tensor)),
    topK: (logits, rows, k) => reading([logits], (tensor) => inner.topK(tensor as Tensor, rows, k)),
    difference: (a, b) => reading([a, b], (left, right) => inner.difference(left as Tensor, right as Tensor)),
    divergence: (a, b) => reading([a, b], (left, right) => inner.divergence(left as Tensor, right as Tensor)),
    release: (...tensors) => {
      for (const tensor of tensors) {
        const step = handles.release(tensor);
        // A step that failed has nothing to give back; its error was met at the read.
        if (step !== undefined) unreference(step).catch(() => {});
      }
    },
    close: async () => {
      handles.close();
      await inner.close();
    },
  };
}
