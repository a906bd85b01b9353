// A checkpoint's own tokenizer, when it has one that can be read without Python.

import { CheckpointError } from "../errors.js";
import { parseObject } from "../format/json.js";
import type { Checkpoint } from "../layout/layout.js";
import type { Store } from "../store/store.js";
import { readText } from "../store/text.js";

export interface TextTokenizer {
  /** Token ids, with whatever the tokenizer itself puts before and after. */
  encode(text: string): number[];
  /** A token's text, or its name where it stands for no text of its own. */
  textOf(token: number): string;
}

const TOKENIZER = "tokenizer.json";
const CONFIG = "tokenizer_config.json";

/**
 * @returns undefined when the folder has no tokenizer.json
 * @throws {CheckpointError} it has one that cannot be used
 */
export async function loadTokenizer(store: Store, { root, sideFiles }: Checkpoint): Promise<TextTokenizer | undefined> {
  if (!sideFiles.includes(TOKENIZER)) return undefined;
  const read = async (name: string) => {
    const text = await readText(store, `${root}/${name}`);
    parseObject(text, `${root}/${name}`);
    return JSON.parse(text) as object;
  };
  const [model, config] = [await read(TOKENIZER), sideFiles.includes(CONFIG) ? await read(CONFIG) : {}];
  const { Tokenizer } = await import("@huggingface/tokenizers");
  try {
    const tokenizer = new Tokenizer(model, config);
    return {
      encode: (text) => tokenizer.encode(text).ids,
      textOf: (token) => tokenizer.decode([token]) || (tokenizer.id_to_token(token) ?? ""),
    };
  } catch (cause) {
    throw new CheckpointError(`${root}/${TOKENIZER}: ${(cause as Error).message}`, { cause, hint: "give token ids with --tokens-file" });
  }
}
