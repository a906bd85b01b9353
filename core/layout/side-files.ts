// The files beside the weights: which travel byte for byte, which stay, and what to say about the rest.

import type { Store } from "../store/store.js";
import type { Problem } from "./layout.js";

/** Tokenizer, generation defaults, templates, model card and licence. Source: transformers 5.17 and the hub's usual files. */
const CARRIED = new Set([
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "preprocessor_config.json",
  "LICENSE",
  "LICENSE.txt",
  "LICENSE.md",
  "NOTICE",
  "README.md",
  "USE_POLICY.md",
]);

/** Any one of these makes a tokenizer that transformers can load. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"];

export const hasTokenizer = (sideFiles: readonly string[]): boolean => TOKENIZER_FILES.some((name) => sideFiles.includes(name));

/**
 * Sort a folder's other files.
 *
 * @param known - names that the layout itself accounts for
 */
export async function findSideFiles(
  store: Store,
  root: string,
  names: readonly string[],
  known: ReadonlySet<string>,
): Promise<{ sideFiles: string[]; problems: Problem[] }> {
  const sideFiles: string[] = [];
  const code: string[] = [];
  const others: string[] = [];
  for (const name of names) {
    if (known.has(name) || name.startsWith(".")) continue;
    if ((await store.status(`${root}/${name}`))?.kind !== "file") continue;
    if (CARRIED.has(name)) sideFiles.push(name);
    else if (name.endsWith(".py")) code.push(name);
    else others.push(name);
  }
  const problems: Problem[] = [];
  if (code.length > 0) problems.push({ code: "CUSTOM_CODE", message: `Python files are not copied: ${code.join(", ")}` });
  if (others.length > 0)
    problems.push({
      code: "NOT_CARRIED",
      message: `files that are neither weights nor known side files stay behind: ${others.join(", ")}`,
    });
  return { sideFiles, problems };
}
