// What a conversion leaves in its output: what it was made from and how, and the config texts that the target cannot hold,
// so that the way back restores them.

import { isObject, parseObject, printJson } from "../format/json.js";
import type { Carried, Checkpoint } from "../layout/layout.js";
import { RECEIPT_NAME } from "../layout/receipt-name.js";
import type { Store } from "../store/store.js";
import { readText } from "../store/text.js";
import type { DType } from "../tensor/dtype.js";
import type { Verified } from "./convert.js";
import type { Prepared } from "./prepare.js";

export async function readCarried(store: Store, { root, layout, configText }: Checkpoint): Promise<Carried> {
  const path = `${root}/${RECEIPT_NAME}`;
  const found = (await store.status(path))?.kind === "file" ? parseObject(await readText(store, path), path).carried : undefined;
  const texts = isObject(found) ? Object.fromEntries(Object.entries(found).filter(([, text]) => typeof text === "string")) : {};
  return { ...(texts as Carried), [layout]: configText };
}

export function receiptText(
  { source, target, arrangement, losses, warnings }: Prepared,
  carried: Carried,
  { dtype, verified }: { dtype: DType | undefined; verified: Verified },
): string {
  return printJson({
    format: 1,
    source: { layout: source.layout.name, ...source.checkpoint.topology },
    target: { layout: target.name, ...arrangement },
    plugin: source.match.plugin.name,
    weights: dtype === undefined ? "exact" : `cast to ${dtype}`,
    verified,
    semanticLosses: losses,
    warnings,
    carried,
  });
}
