// From two open checkpoints of one model to a draft declaration of what they are to each other.

import type { PluginFile, Value } from "../architecture/declaration.js";
import { CheckpointError } from "../errors.js";
import type { Checkpoint } from "../layout/layout.js";
import type { Store } from "../store/store.js";
import { assign, type Chosen } from "./assign.js";
import { sizesOf } from "./dimensions.js";
import { blocksOf } from "./draft.js";
import { groupBy } from "./group-by.js";
import { leftoversOf } from "./leftovers.js";
import type { LineOptions } from "./lines.js";
import { findMatches } from "./match.js";
import { parseName, printNames } from "./names.js";
import { rotationOf } from "./rotary.js";
import { rulesOf, type Unexplained } from "./rules.js";
import { settingsOf } from "./settings.js";
import { joinedViews, type View, wholeViews } from "./view.js";

export interface Draft {
  readonly file: PluginFile;
  /** Whether the rows of heads were found permuted. */
  readonly isInterleaved: boolean;
  /** What the content of this pair does not show, and what was done about it. */
  readonly remarks: readonly string[];
  readonly unexplained: readonly Unexplained[];
}

/**
 * @throws {CheckpointError} nothing of one is found in the other, or ranks are missing
 * @throws {StorageError | CancelledError}
 */
export async function inferDraft(store: Store, huggingface: Checkpoint, nanotron: Checkpoint, options: LineOptions): Promise<Draft> {
  const [sources, parameters] = [sorted(wholeViews(huggingface)), sorted(joinedViews(nanotron))];
  const matches = await findMatches(store, sources, parameters, options);
  const chosen = assign(
    matches.placements,
    sources.map(({ name }) => name),
    parameters.map(({ name }) => name),
  );
  const { rules, unexplained: unsaid } = rulesOf(chosen, sources, parameters);
  if (rules.length === 0) throw nothingFound(huggingface, nanotron, sources, parameters);
  const config = { ...nanotron.rawConfig, ...withoutNulls(huggingface.rawConfig) };
  const settings = settingsOf(huggingface, nanotron);
  const sizes = sizesOf(config);
  const isTied = config.tie_word_embeddings === true;
  const rotation = rotationOf(rules, asBoolean(nanotron.rawConfig.rope_interleaved), sizes.head_dim);
  const canTie = settings.file.settings.tie_word_embeddings !== undefined && !isTied;
  const drawn = blocksOf(rules, sizes, rotation, canTie);
  const left = leftoversOf(chosen, sources, parameters, matches, isTied);
  const name = `${typeof config.model_type === "string" ? config.model_type.toLowerCase().replace(/[^a-z0-9._-]/g, "-") : "model"}-draft`;
  return {
    file: { name, description: "Drafted by weighbridge plugins infer", ...settings.file, blocks: drawn.blocks, ignore: left.ignore },
    isInterleaved: rules.some(({ parts }) => parts.some(({ headDim }) => typeof headDim === "number")),
    remarks: [
      ...choiceRemarks(chosen, sources, parameters),
      ...rotation.remarks,
      ...(isTied ? ["tie_word_embeddings is true: how an output matrix of its own would be called is not to be seen in this pair"] : []),
      ...drawn.remarks,
      ...settings.remarks,
      versionRemark(nanotron),
    ],
    unexplained: [...left.unexplained, ...unsaid, ...drawn.unexplained, ...rotation.unexplained, ...settings.unexplained],
  };
}

const sorted = (views: readonly View[]): View[] => [...views].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));

const withoutNulls = (values: Checkpoint["rawConfig"]) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

const asBoolean = (value: Value | undefined): boolean | undefined => (typeof value === "boolean" ? value : undefined);

function nothingFound(a: Checkpoint, b: Checkpoint, sources: readonly View[], parameters: readonly View[]): CheckpointError {
  const dtypes = (views: readonly View[]) => [...new Set(views.map(({ dtype }) => dtype))].join(", ");
  const differ = dtypes(sources) !== dtypes(parameters);
  return new CheckpointError(`${b.root}: no parameter is made of tensors of ${a.root}`, {
    hint: differ
      ? `one holds ${dtypes(sources)} and the other ${dtypes(parameters)}; bytes are compared, so give both in one dtype`
      : "are they of one model, at one step of its training?",
  });
}

/** Tensors of which others have the same content: where they belong was not decided by it. */
function choiceRemarks(chosen: readonly Chosen[], sources: readonly View[], parameters: readonly View[]): string[] {
  const open = chosen.filter(({ by }) => by !== "content");
  const template = (view: View | undefined) => parseName(view?.name ?? "")?.template ?? view?.name ?? "";
  const groups = groupBy(open, ({ source, parameter, by }) => `${template(sources[source])} ${template(parameters[parameter])} ${by}`);
  return [...groups.values()].map((group) => {
    const [first] = group as [Chosen];
    const [names] = [printNames(group.map(({ source }) => sources[source]?.name ?? ""))];
    const how = first.by === "name" ? "by its name" : "by the order of names alone: check it";
    return `ambiguous, as several places have the same content: ${names.join(", ")} taken for a part of ${template(parameters[first.parameter])} ${how}`;
  });
}

const versionRemark = ({ version }: Checkpoint): string =>
  `Nanotron's config is of checkpoint version ${version}; which of its keys another version lacks (since:) is not to be seen in this pair`;
