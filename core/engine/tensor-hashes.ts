// The content hashes of an open model's tensors: from its receipt, or from its bytes.

import type { Architecture } from "../architecture/architecture.js";
import { isObject, parseObject, plain } from "../format/json.js";
import { HuggingFaceLayout } from "../layout/huggingface/layout.js";
import type { Slot } from "../layout/layout.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import { prove } from "../plan/check.js";
import { type BoundSlot, bindStored, compile, filesOf } from "../plan/compile.js";
import type { Plan, PlanFile } from "../plan/plan.js";
import { targetDtypes } from "../plan/target-dtypes.js";
import { readText } from "../store/text.js";
import { type DType, itemSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import { type HashOptions, hashTensors, type TensorDigest } from "../verify/tensor-hashes.js";
import type { Context, Model } from "./open.js";

export type TensorDigests = Readonly<Record<string, TensorDigest>>;

/** @throws {StorageError | CancelledError} */
export async function hashModel({ store }: Context, model: Model, options: HashOptions = {}): Promise<TensorDigests> {
  return Object.fromEntries(await hashTensors(store, canonicalPlan(model), options));
}

/** By component: what a framework keeps in a dtype of its own is hashed in that one, so that every layout's is alike. */
const keptDtypes = ({ blocks }: Architecture): { readonly dtype?: DType }[] =>
  blocks.flatMap(({ parameters }) =>
    parameters.flatMap(({ components, dtype }) => components.map(() => (dtype === undefined ? {} : { dtype }))),
  );

/** A file to each tensor, that begins with it: no layout's, but Hugging Face's order of bytes. */
function canonicalPlan({ checkpoint, architecture, layout, arrangement, slots, stored }: Model): Plan {
  const [problem] = stored.problems;
  if (problem !== undefined) throw problem;
  const canonical = new HuggingFaceLayout();
  const source = bindStored(slots, checkpoint.tensors);
  const kept = keptDtypes(architecture);
  const wanted = canonical.slots(architecture).map((slot, component): Slot => ({ ...slot, ...kept[component] }));
  const dtypes = targetDtypes(source, wanted, undefined);
  const target: BoundSlot[] = [];
  const targets: PlanFile[] = [];
  for (const slot of wanted) {
    const dtype = dtypes.get(slot.key) ?? "U8";
    const byteLength = numElements(slot.shape) * itemSize(dtype);
    target.push({ slot, file: targets.length, dtype, byteStart: 0 });
    targets.push({
      path: slot.name,
      byteLength,
      tensors: [{ key: slot.key, name: slot.name, dtype, shape: slot.shape, byteStart: 0, byteEnd: byteLength }],
    });
  }
  const sources = filesOf(checkpoint.files, checkpoint.tensors.values());
  const plan = compile({ architecture, sources, source, targets, target, unused: stored.unused });
  prove(plan, architecture, layout.reference(architecture, arrangement), canonical.reference(architecture));
  return plan;
}

/** @returns undefined when there is no receipt, or one without hashes */
export async function receiptHashes({ store }: Context, { checkpoint: { root } }: Model): Promise<TensorDigests | undefined> {
  const path = `${root}/${RECEIPT_NAME}`;
  if ((await store.status(path))?.kind !== "file") return undefined;
  const { tensors } = plain(parseObject(await readText(store, path), path)) as { tensors?: unknown };
  return isObject(tensors) ? (tensors as unknown as TensorDigests) : undefined;
}
