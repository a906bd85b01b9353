// The parameters check without the weights: tensors by the content hashes of their receipts. What has none is read and hashed.

import { sameShape } from "../tensor/shape.js";
import type { TensorDigest } from "../verify/tensor-hashes.js";
import { differingSettings, type ParametersFinding, weightBytes } from "./check-parameters.js";
import type { Context, Model } from "./open.js";
import { hashModel, receiptHashes, type TensorDigests } from "./tensor-hashes.js";
import type { VerifyOptions } from "./verify-options.js";

export async function checkReceipts(context: Context, a: Model, b: Model, options: VerifyOptions): Promise<ParametersFinding> {
  const [ours, theirs] = [await digestsOf(context, a, options), await digestsOf(context, b, options)];
  const report = { equal: [] as string[], different: [] as string[], missing: [] as string[], otherDtype: [], rounded: [] };
  for (const [name, digest] of Object.entries(ours.digests)) {
    const other = theirs.digests[name];
    if (other === undefined) report.missing.push(name);
    else (isSame(digest, other) ? report.equal : report.different).push(name);
  }
  const extra = Object.keys(theirs.digests).filter((name) => ours.digests[name] === undefined);
  const settings = differingSettings(a, b);
  const count = Object.keys(ours.digests).length;
  return {
    report: { ...report, extra },
    settings,
    isEqual: report.equal.length === count && count > 0 && extra.length === 0 && settings.length === 0,
    evidence: `${count} tensors compared by SHA-256: A's ${ours.origin}, B's ${theirs.origin}`,
  };
}

const isSame = (a: TensorDigest, b: TensorDigest): boolean => a.sha256 === b.sha256 && a.dtype === b.dtype && sameShape(a.shape, b.shape);

async function digestsOf(
  context: Context,
  model: Model,
  { signal, onProgress }: VerifyOptions,
): Promise<{ digests: TensorDigests; origin: string }> {
  const known = await receiptHashes(context, model);
  if (known !== undefined) return { digests: known, origin: "from its receipt, its weights not read" };
  const totalBytes = weightBytes(model);
  const onHashed = (bytes: number) => {
    const progress = { stage: "hash", bytes, totalBytes } as const;
    context.reporter.progress(progress);
    onProgress?.(progress);
  };
  return { digests: await hashModel(context, model, { signal, onHashed }), origin: "computed from its weights" };
}
