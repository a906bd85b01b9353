// Which symbol each axis of a tensor is: the sizes are the config's, and what the ranks share is never the residual stream's width.

import type { Values } from "../architecture/declaration.js";
import type { Rule, RulePart } from "./rules.js";

/** The symbols that both frameworks' configs have, in the order in which defaults may use them. */
export const DIMENSIONS = [
  { symbol: "hidden", setting: "hidden_size" },
  { symbol: "heads", setting: "num_attention_heads" },
  { symbol: "kv_heads", setting: "num_key_value_heads", default: "heads" },
  { symbol: "head_dim", setting: "head_dim", default: "hidden / heads" },
  { symbol: "ffn", setting: "intermediate_size" },
  { symbol: "vocab", setting: "vocab_size" },
  { symbol: "layers", setting: "num_hidden_layers" },
] as const;

export type Sizes = Readonly<Record<string, number>>;

/** The sizes that a config gives, its defaults filled in; a symbol that it does not have is left out. */
export function sizesOf(config: Values): Sizes {
  const size = (key: string): number | undefined => {
    const value = config[key];
    return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const sizes: Record<string, number> = {};
  for (const { symbol, setting } of DIMENSIONS) {
    const value = size(setting) ?? defaultOf(symbol, sizes);
    if (value !== undefined) sizes[symbol] = value;
  }
  return sizes;
}

function defaultOf(symbol: string, { hidden, heads }: Sizes): number | undefined {
  if (symbol === "kv_heads") return heads;
  if (symbol === "head_dim" && hidden !== undefined && heads !== undefined && hidden % heads === 0) return hidden / heads;
  return undefined;
}

const FORMS = [["hidden"], ["heads", "head_dim"], ["kv_heads", "head_dim"], ["ffn"], ["vocab"], ["head_dim"]] as const;

export interface ShapeText {
  /** As a plugin declares it; undefined where an axis has a size that the config does not explain. */
  readonly shape: string | undefined;
  /** Axes that could also be something else, for a person to look at. */
  readonly doubts: readonly string[];
}

/** @param attention - modules that q and k belong to: an axis there that is heads' or the feed-forward's is the heads' */
export function shapeOf(rule: Rule, at: number, sizes: Sizes, attention: ReadonlySet<string>): ShapeText {
  const part = rule.parts[at] as RulePart;
  const doubts: string[] = [];
  const axes = part.shape.map((size, axis) => {
    const shared = rule.sharedAxis !== undefined && (part.transpose ? part.shape.length - 1 - rule.sharedAxis : rule.sharedAxis) === axis;
    const [form, ...others] = formsOf(size, sizes, shared, rule, at, attention);
    if (form !== undefined && others.length > 0) {
      doubts.push(`${part.template}, axis ${axis}: ${size} is ${[form, ...others].map(printForm).join(" or ")}; taken for the first`);
    }
    return form;
  });
  return { shape: axes.includes(undefined) ? undefined : axes.map((form) => printForm(form ?? [])).join(" "), doubts };
}

export const printForm = (form: readonly string[]): string => (form.length === 1 ? (form[0] ?? "") : `(${form.join(" ")})`);

type Form = readonly string[];

function formsOf(size: number, sizes: Sizes, isShared: boolean, rule: Rule, at: number, attention: ReadonlySet<string>): Form[] {
  const product = (form: Form) => form.reduce((result, symbol) => result * (sizes[symbol] ?? Number.NaN), 1);
  const fitting: Form[] = FORMS.filter((form) => product(form) === size);
  const isHidden = (form: Form) => form[0] === "hidden";
  if (!isShared && fitting.some(isHidden)) return fitting.filter(isHidden);
  const own = isShared ? fitting.filter((form) => !isHidden(form)) : fitting;
  const heads = own.filter((form) => form.length === 2);
  const part = rule.parts[at] as RulePart;
  const isAttention = typeof part.headDim === "number" || attention.has(parentOf(part.template));
  const likely = heads.length > 0 && isAttention ? heads : own.filter((form) => form.length === 1);
  return preferVocabulary(preferQueries(likely.length > 0 ? likely : own, rule, at), rule);
}

/** A table of the vocabulary stands before or behind the layers, and a feed-forward in them. */
function preferVocabulary(forms: Form[], { layers }: Rule): Form[] {
  const isVocabulary = ([symbol]: Form) => symbol === "vocab";
  return layers === undefined && forms.some(isVocabulary)
    ? [...forms.filter(isVocabulary), ...forms.filter((form) => !isVocabulary(form))]
    : forms;
}

/** As many key/value heads as heads: of several tensors joined in an attention, the queries come first. */
function preferQueries(forms: Form[], { parts }: Rule, at: number): Form[] {
  const isBoth = forms.length === 2 && forms.every((form) => form.length === 2);
  if (!isBoth) return forms;
  return forms.filter(([symbol]) => (symbol === "heads") === (parts.length === 1 || at === 0));
}

/** `model.layers.{layer}.self_attn` of `model.layers.{layer}.self_attn.q_proj.weight`. */
export const parentOf = (template: string): string => template.split(".").slice(0, -2).join(".");
