// An executor that runs nothing until something is read. Who relies on eager ops, or on host arrays behind tensors, fails with it.

import type { Executor, ExecutorProvider, Tensor } from "../../core/executor/executor.js";
import { Handles } from "../../core/executor/handles.js";
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

  const record = async (shape: Tensor["shape"], tensors: readonly Tensor[], start: Step["start"]): Promise<Tensor> => {
    const inputs = tensors.map((tensor) => handles.get(tensor));
    for (const input of inputs) input.references++;
    return handles.make(shape, { inputs, start, result: undefined, references: 1 });
  };

  const value = (tensor: Tensor): Promise<Tensor> => run(handles.get(tensor));
  const owned = (...tensors: readonly Tensor[]): void => tensors.forEach((tensor) => void handles.get(tensor));

  return {
    name: "deferring",
    device: `${inner.device}, at a read`,
    embed: async (table, tokens, options) => {
      const kept = tokens.slice();
      return record(shapes.embedShape(table, tokens, options), [], () => inner.embed(table, kept, options));
    },
    rmsNorm: async (x, weight, options) => {
      owned(x);
      return record(shapes.rmsNormShape(x, weight), [x], ([a]) => inner.rmsNorm(a as Tensor, weight, options));
    },
    linear: async (x, weight, options) => {
      owned(x);
      return record(shapes.linearShape(x, weight, options), [x], ([a]) => inner.linear(a as Tensor, weight, options));
    },
    columns: async (x, start, stop) => {
      owned(x);
      return record(shapes.columnsShape(x, start, stop), [x], ([a]) => inner.columns(a as Tensor, start, stop));
    },
    joinColumns: async (parts) => {
      owned(...parts);
      return record(shapes.joinColumnsShape(parts), parts, (all) => inner.joinColumns(all));
    },
    rotate: async (x, options) => {
      owned(x);
      const kept = { ...options, frequencies: options.frequencies.slice() };
      return record(shapes.rotateShape(x, options), [x], ([a]) => inner.rotate(a as Tensor, kept));
    },
    attention: async (q, k, v, options) => {
      owned(q, k, v);
      const shape = shapes.attentionShape(q, k, v, options);
      return record(shape, [q, k, v], ([a, b, c]) => inner.attention(a as Tensor, b as Tensor, c as Tensor, options));
    },
    siluMul: async (gate, up, options) => {
      owned(gate, up);
      return record(shapes.pairShape("siluMul", gate, up), [gate, up], ([a, b]) => inner.siluMul(a as Tensor, b as Tensor, options));
    },
    add: async (a, b, round) => {
      owned(a, b);
      return record(shapes.pairShape("add", a, b), [a, b], ([left, right]) => inner.add(left as Tensor, right as Tensor, round));
    },
    read: async (x, firstRow, rows) => inner.read(await value(x), firstRow, rows),
    argmax: async (x) => inner.argmax(await value(x)),
    topK: async (logits, rows, k) => inner.topK(await value(logits), rows, k),
    difference: async (a, b) => inner.difference(await value(a), await value(b)),
    divergence: async (a, b) => inner.divergence(await value(a), await value(b)),
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
