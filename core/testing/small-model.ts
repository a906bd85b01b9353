// A small model with a large one's proportions, from its config: what the kit carries there and back and runs.

import { expand } from "../architecture/architecture.js";
import type { Plugin, Value, Values } from "../architecture/declaration.js";
import { isExceeded, onlyValue } from "../architecture/limits.js";
import { type Configuration, configure } from "../architecture/settings.js";
import { UsageError } from "../errors.js";
import { HuggingFaceLayout } from "../layout/huggingface/layout.js";
import { numElements } from "../tensor/shape.js";
import type { ValidCase } from "./cases.js";

/** A model of this size runs in milliseconds. */
const MAX_ELEMENTS = 300_000;

/** @throws {CheckpointError} the config lacks what the plugin needs */
export const configurationOf = (plugin: Plugin, config: Values): Configuration =>
  configure(plugin, new HuggingFaceLayout().readSettings(config, plugin), "huggingface", "config.json");

/**
 * The case's config, with fewer and smaller heads, layers and vocabulary if it is large.
 *
 * @throws {UsageError} it is still large: the plugin has sizes of its own, and the case has to say `small`
 */
export function smallConfig(plugin: Plugin, { name, config, small = {} }: ValidCase): Values {
  const given = { ...config, ...small };
  if (elements(plugin, given) <= MAX_ELEMENTS) return given;
  const shrunk = { ...config, ...smallSizes(config), ...small };
  const found = elements(plugin, shrunk);
  if (found <= MAX_ELEMENTS) return shrunk;
  throw new UsageError(`case ${JSON.stringify(name)}: made small it has ${found} elements, expected at most ${MAX_ELEMENTS}`, {
    hint: "give its sizes under `small`",
  });
}

const elements = (plugin: Plugin, config: Values): number =>
  expand(plugin, configurationOf(plugin, config)).components.reduce((sum, { shape }) => sum + numElements(shape), 0);

/** Of a head: two pairs at least, so that the orders of its rows differ. */
const HEAD_DIM = 8;
/** Queries to a key, at most. */
const MAX_GROUP = 4;

/** Keys that transformers' configs share; as many key/value heads as leave a choice of TP, and an odd number of layers if it was odd. */
function smallSizes(config: Values): Values {
  const number = (key: string, fallback: number) => (typeof config[key] === "number" ? config[key] : fallback);
  const heads = number("num_attention_heads", 4);
  const kvHeads = number("num_key_value_heads", heads);
  const smallKv = [4, 3, 2, 5, 7].find((count) => kvHeads % count === 0) ?? 1;
  const smallHeads = smallKv * Math.min(Math.max(1, Math.floor(heads / kvHeads)), MAX_GROUP);
  const ownHeadDim = number("head_dim", 0) !== 0 && number("head_dim", 0) * heads !== number("hidden_size", 0);
  const sizes: Record<string, Value> = {
    hidden_size: smallHeads * (ownHeadDim ? HEAD_DIM + 4 : HEAD_DIM),
    intermediate_size: smallHeads * (HEAD_DIM + 4),
    num_hidden_layers: 2 + (number("num_hidden_layers", 2) % 2),
    num_attention_heads: smallHeads,
    num_key_value_heads: smallKv,
    head_dim: HEAD_DIM,
    vocab_size: smallHeads * 16,
  };
  return Object.fromEntries(Object.entries(sizes).filter(([key]) => config[key] !== undefined && config[key] !== null));
}

/** The config with every setting that Nanotron ignores at the value that it takes: of such a model the forwards must agree. */
export function withoutLosses(plugin: Plugin, config: Values): Values {
  const configuration = configurationOf(plugin, config);
  const exceeded = (plugin.limits.nanotron ?? []).filter(
    (limit) => limit.loss === "meaning" && isExceeded(limit, { plugin, configuration }),
  );
  const taken = exceeded.map((limit) => [limit.setting, onlyValue(limit, { plugin, configuration })]);
  const lossless = { ...config, ...Object.fromEntries(taken) };
  if (lossless.rope_scaling !== null || config.rope_parameters === undefined) return lossless;
  // transformers 5 keeps the scaling beside theta.
  const { rope_theta } = configuration.settings;
  return { ...lossless, rope_parameters: { rope_type: "default", ...(rope_theta === undefined ? {} : { rope_theta }) } };
}
