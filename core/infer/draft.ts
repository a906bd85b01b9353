// A draft declaration from rules and settings, with what a person has to look at. Pure.

import type { BlockDeclaration, ParameterDeclaration, SourceDeclaration } from "../architecture/declaration.js";
import { parentOf, type Sizes, shapeOf } from "./dimensions.js";
import { groupBy } from "./group-by.js";
import { LAYER } from "./names.js";
import type { Rotation } from "./rotary.js";
import type { Rule, Unexplained } from "./rules.js";

const EMBEDDING = /embed/;

export interface DraftBlocks {
  readonly blocks: readonly BlockDeclaration[];
  readonly remarks: readonly string[];
  readonly unexplained: readonly Unexplained[];
}

interface Declared {
  readonly rule: Rule;
  readonly parameter: ParameterDeclaration;
  readonly shapes: readonly (string | undefined)[];
}

/** @param canTie - whether the configs have tie_word_embeddings, and it is false */
export function blocksOf(rules: readonly Rule[], sizes: Sizes, rotation: Rotation, canTie: boolean): DraftBlocks {
  const remarks: string[] = [];
  const unexplained: Unexplained[] = [];
  const declared: Declared[] = [];
  const attention = new Set(rules.flatMap(({ parts }) => parts.filter(rotation.isRotary).map(({ template }) => parentOf(template))));
  for (const rule of rules) {
    const shapes = rule.parts.map((_, at) => shapeOf(rule, at, sizes, attention));
    remarks.push(...shapes.flatMap(({ doubts }) => doubts));
    const texts = shapes.map(({ shape }) => shape);
    const because = problemOf(rule, texts, sizes, rotation.isRotary);
    if (because === undefined) {
      declared.push(declare(rule, texts, rotation));
      continue;
    }
    unexplained.push({ layout: "nanotron", names: [rule.template], because });
    unexplained.push({ layout: "huggingface", names: rule.parts.map(({ template }) => template), because });
  }
  const blocks = [...groupBy(declared, ({ rule }) => blockName(rule.template))].map(([name, members]) => blockOf(name, members));
  blocks.sort((a, b) => a.place - b.place);
  const tie = canTie ? tieHead(blocks) : [];
  const sorted = blocks.map(({ block }) => block);
  return { blocks: sorted, remarks: [...remarks, orderRemark(sorted), ...costRemarks(sorted), ...tie], unexplained };
}

/** Why a rule has no shape that a plugin can say; undefined where it has. */
function problemOf(
  { parts, layers, sharedAxis = 0 }: Rule,
  shapes: readonly (string | undefined)[],
  sizes: Sizes,
  isRotary: Rotation["isRotary"],
): string | undefined {
  const unsaid = shapes.indexOf(undefined);
  if (unsaid >= 0) return `the config explains no such size: ${parts[unsaid]?.template} is [${parts[unsaid]?.shape.join(", ")}]`;
  const headless = parts.find((part, at) => isRotary(part) && !/^\(\w+ head_dim\)/.test(shapes[at] ?? ""));
  if (headless !== undefined) return `${headless.template} is rotary, and its rows are no heads of head_dim`;
  if (sharedAxis > 1) return `ranks share its axis ${sharedAxis}, which a plugin cannot declare`;
  return layers === undefined || layers === sizes.layers ? undefined : `${layers} layers found, and the config says ${sizes.layers}`;
}

function declare(rule: Rule, shapes: readonly (string | undefined)[], { isRotary }: Rotation): Declared {
  const sources = rule.parts.map(
    (part, at): SourceDeclaration => ({
      tensor: part.template,
      shape: shapes[at] ?? "",
      ...(isRotary(part) ? { rotary: true } : {}),
      ...(part.transpose ? { transpose: true } : {}),
    }),
  );
  const [only, ...more] = sources;
  const parallel = rule.sharedAxis === undefined ? {} : { parallel: rule.sharedAxis === 0 ? ("column" as const) : ("row" as const) };
  const nanotron = rule.fuseAxis === undefined ? rule.template : { fuse: rule.template, axis: rule.fuseAxis };
  return { rule, shapes, parameter: { nanotron, ...parallel, huggingface: only !== undefined && more.length === 0 ? only : sources } };
}

/** `decoder` of `model.decoder.{layer}.pp_block.attn.o_proj.weight`: Nanotron wraps what a pipeline rank holds in a pp_block. */
function blockName(template: string): string {
  const parts = template.split(".");
  const end = parts.indexOf("pp_block");
  const before = (end < 0 ? parts.slice(0, -1) : parts.slice(0, end)).filter((part) => part !== LAYER);
  return (before.at(-1) ?? "model").toLowerCase().replace(/[^a-z0-9_]/g, "_");
}

interface Placed {
  readonly place: number;
  block: BlockDeclaration;
}

function blockOf(name: string, members: readonly Declared[]): Placed {
  const sorted = [...members].sort((a, b) => compare(firstTensor(a.parameter), firstTensor(b.parameter)));
  const isRepeated = members.some(({ rule }) => rule.layers !== undefined);
  const isTable = members.some(({ shapes }) => shapes.includes("vocab hidden"));
  const isEmbedding = isTable && members.some(({ parameter }) => EMBEDDING.test(firstTensor(parameter)));
  const cost = isRepeated ? layerCost(members) : isTable && !isEmbedding ? [["vocab", "hidden"]] : undefined;
  const place = isEmbedding ? 0 : isRepeated ? 1 : isTable ? 3 : 2;
  const block = {
    name,
    ...(isRepeated ? { repeat: { index: "layer", count: "layers" } } : {}),
    ...(cost === undefined ? {} : { cost }),
    parameters: sorted.map(({ parameter }) => parameter),
  };
  return { place, block };
}

const sourcesOf = ({ huggingface }: ParameterDeclaration): SourceDeclaration[] => [huggingface].flat() as SourceDeclaration[];
const firstTensor = (parameter: ParameterDeclaration): string => sourcesOf(parameter)[0]?.tensor ?? "";
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Nanotron's own formula, get_block_compute_costs, for as many feed-forward matrices as there are. */
function layerCost(members: readonly Declared[]): (string | number)[][] | undefined {
  const shapes = members.flatMap(({ shapes: all }) => all);
  const matrices = shapes.filter((shape) => /^(ffn hidden|hidden ffn)$/.test(shape ?? "")).length;
  if (matrices === 0 || !shapes.some((shape) => shape?.includes("(heads head_dim)") === true)) return undefined;
  return [
    [4, "heads", "head_dim", "hidden"],
    [matrices, "ffn", "hidden"],
  ];
}

function tieHead(blocks: readonly Placed[]): string[] {
  const embedding = blocks.find(({ place }) => place === 0)?.block.parameters.find((parameter) => shapeText(parameter) === "vocab hidden");
  const head = blocks.find(({ place }) => place === 3);
  if (embedding === undefined || head === undefined) return [];
  const to = firstTensor(embedding);
  const tied = { to, when: "tie_word_embeddings" };
  const parameters = head.block.parameters.map((parameter) =>
    shapeText(parameter) === "vocab hidden" ? { ...parameter, tied } : parameter,
  );
  head.block = { ...head.block, parameters };
  return [
    `${parameters.map(firstTensor)}: tied to ${to} while tie_word_embeddings is true, as in every model of both frameworks; in this pair it is false`,
  ];
}

const shapeText = (parameter: ParameterDeclaration): string => sourcesOf(parameter)[0]?.shape ?? "";

const orderRemark = (blocks: readonly BlockDeclaration[]): string =>
  `the blocks' order, on which pipeline ranks depend, is taken from names and shapes: ${blocks.map(({ name }) => name).join(", ")}`;

const costRemarks = (blocks: readonly BlockDeclaration[]): string[] =>
  blocks.some(({ cost }) => cost !== undefined)
    ? ["the blocks' costs are Nanotron's for Llama and Qwen2; compare get_block_compute_costs of the model's class"]
    : [];
