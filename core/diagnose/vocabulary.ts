// F14, F16: lm_head tied or untied wrongly, and rows of a padded vocabulary.

import type { Component } from "../architecture/architecture.js";
import type { SourceDeclaration } from "../architecture/declaration.js";
import { type Case, differingTensors } from "./case.js";
import { type Account, CONVERT_AGAIN, type WholeHypothesis } from "./hypothesis.js";
import { sameBytes } from "./rows.js";

interface Tie {
  readonly tied: string;
  readonly to: string;
  readonly when: string;
}

const tiesOf = ({ plugin }: Case): Tie[] =>
  plugin.blocks
    .flatMap(({ parameters }) => parameters)
    .flatMap(({ tied, huggingface }) =>
      tied === undefined ? [] : ([huggingface].flat() as SourceDeclaration[]).map(({ tensor }) => ({ tied: tensor, ...tied })),
    );

async function copiedTensor({ tensors, parameters }: Case, { tied, to }: Tie): Promise<Account[]> {
  if (!parameters.different.includes(tied)) return [];
  const [a, b] = [await tensors.ofA(to), await tensors.ofB(tied)];
  if (a === undefined || b === undefined || a.dtype !== b.dtype || !sameBytes(a.bytes, b.bytes)) return [];
  const statement = `${tied} holds A's ${to}, as if the two were tied; in A it has weights of its own`;
  return [{ statement, fix: `write ${tied} from the original, or ${CONVERT_AGAIN}`, tensors: [tied], settings: [] }];
}

async function tiedInConfig(found: Case, tie: Tie): Promise<Account[]> {
  const { tied, to, when } = tie;
  const setting = found.settings.find(({ name }) => name === when);
  if (setting === undefined) return [];
  const statement = setting.b
    ? `${when} is true in B, so that ${tied} is taken to be ${to}; in A it has weights of its own`
    : `${when} is false in B, so that ${tied} is taken for a tensor of its own; in A it is ${to}`;
  const isRight = setting.b ? await isStoredAsInA(found, tied) : await isStoredAs(found, tie);
  const tensors = isRight ? differingTensors(found).filter((name) => name === tied) : [];
  return [{ statement, fix: `set ${when} to ${setting.a} in ${found.b.checkpoint.configPath}, as in A`, tensors, settings: [when] }];
}

/** Whether B, which ties the tensor, keeps A's all the same, or none: then its config alone is wrong. */
async function isStoredAsInA({ tensors }: Case, tied: string): Promise<boolean> {
  const [mine, kept] = [await tensors.ofAStored(tied), await tensors.twinOfB(tied)];
  return kept === undefined || (mine !== undefined && sameBytes(mine.bytes, kept));
}

/** Whether B, which does not tie the tensor, keeps what A ties it to, or none. */
async function isStoredAs({ tensors }: Case, { tied, to }: Tie): Promise<boolean> {
  const [mine, kept] = [await tensors.ofAStored(to), await tensors.ofB(tied)];
  return kept === undefined || (mine !== undefined && sameBytes(mine.bytes, kept.bytes));
}

const tie: WholeHypothesis = {
  fault: "F14",
  name: "lm_head tied or untied wrongly",
  async explains(found) {
    const accounts: Account[] = [];
    for (const each of tiesOf(found)) accounts.push(...(await tiedInConfig(found, each)), ...(await copiedTensor(found, each)));
    return accounts;
  },
};

/** A tensor of which B has more rows, the first of them A's. */
async function addedRows({ tensors, a, b }: Case, name: string): Promise<number | undefined> {
  const find = (components: readonly Component[]) => components.find((component) => component.name === name)?.shape ?? [];
  const [[rowsA = 0, ...restA], [rowsB = 0, ...restB]] = [find(a.architecture.components), find(b.architecture.components)];
  if (rowsB <= rowsA || restA.length === 0 || String(restA) !== String(restB)) return undefined;
  const [mine, theirs] = [await tensors.ofA(name), await tensors.ofB(name)];
  if (mine === undefined || theirs === undefined || mine.dtype !== theirs.dtype) return undefined;
  return sameBytes(mine.bytes, theirs.bytes.subarray(0, mine.bytes.byteLength)) ? rowsB - rowsA : undefined;
}

const isOfVocabulary = ({ plugin }: Case, name: string): boolean => tiesOfVocabulary(plugin.blocks).has(name);

/** The embedding and what may be tied to it: their rows are tokens. */
const tiesOfVocabulary = (blocks: Case["plugin"]["blocks"]): Set<string> =>
  new Set(
    blocks
      .flatMap(({ parameters }) => parameters)
      .flatMap(({ tied, huggingface }) =>
        tied === undefined ? [] : [tied.to, ...([huggingface].flat() as SourceDeclaration[]).map(({ tensor }) => tensor)],
      ),
  );

const padding: WholeHypothesis = {
  fault: "F16",
  name: "padded vocabulary rows left in",
  async explains(found) {
    const byCount = new Map<number, string[]>();
    for (const name of found.parameters.different.filter((tensor) => isOfVocabulary(found, tensor))) {
      const rows = await addedRows(found, name);
      if (rows !== undefined) byCount.set(rows, [...(byCount.get(rows) ?? []), name]);
    }
    return [...byCount].map(([rows, tensors]) => ({
      statement: `B's vocabulary has ${rows} rows after A's last, that are no tokens and can be predicted all the same`,
      fix: `cut the padding off, and set vocab_size to A's in ${found.b.checkpoint.configPath}`,
      tensors,
      settings: [],
    }));
  },
};

export const vocabularyHypotheses: readonly WholeHypothesis[] = [tie, padding];
