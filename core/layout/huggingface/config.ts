// config.json both ways. transformers 5 keeps RoPE under `rope_parameters` and writes `dtype`; version 4 reads top-level
// `rope_theta`, `rope_scaling` and `torch_dtype` and falls back to theta 10000 when they are missing. Both are read, both written.

import type { Plugin, SettingDeclaration, Value, Values } from "../../architecture/declaration.js";
import type { Settings } from "../../architecture/settings.js";
import { resolveValue } from "../../architecture/settings.js";
import { isObject, type Json, type JsonObject, parseObject, plain, sameJson } from "../../format/json.js";
import { pythonFloat } from "../../format/python.js";
import { respelled } from "../../format/respell.js";
import type { DType } from "../../tensor/dtype.js";
import { torchName } from "../../tensor/dtype.js";
import { majorityDtype } from "../dtypes.js";
import type { CheckpointFile, Problem } from "../layout.js";
import { asValues, normalScaling } from "../rope-scaling.js";

const ROPE_KEYS = ["rope_theta", "rope_scaling", "partial_rotary_factor"];

const isHere = ({ in: only }: SettingDeclaration): boolean => only === undefined || only === "huggingface";

/** The settings of a config.json, RoPE in one form; absent keys stay absent. */
export function settingsOf(raw: Values, plugin: Plugin): Values {
  const values: Record<string, Value> = { rope_interleaved: false };
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = raw[name];
    if (isHere(declaration) && value !== undefined && !ROPE_KEYS.includes(name)) values[name] = value;
  }
  const rope = readRope(raw);
  for (const key of ROPE_KEYS) if (rope[key] !== undefined) values[key] = rope[key];
  return values;
}

/** What transformers 5 takes: a legacy `rope_scaling` that is not empty replaces `rope_parameters`; theta fills in from the top. */
function readRope(raw: Values): Record<string, Value> {
  const { rope_scaling: legacy = null, rope_parameters = null } = raw;
  const isSaid = legacy !== null && Object.keys(asValues(legacy) ?? { legacy }).length > 0;
  const parameters = isSaid ? legacy : rope_parameters;
  const rope: Record<string, Value> = {};
  for (const key of ["rope_theta", "partial_rotary_factor"]) {
    const value = asValues(parameters)?.[key] ?? raw[key];
    if (value !== undefined) rope[key] = value;
  }
  if (parameters !== null || raw.rope_scaling !== undefined) rope.rope_scaling = normalScaling(parameters);
  return rope;
}

/** What transformers 4 takes: the top level alone. */
const readLegacyRope = (raw: Values): Values => ({
  rope_theta: raw.rope_theta ?? null,
  rope_scaling: normalScaling(raw.rope_scaling),
});

/** Where the two styles of a config.json disagree: versions of transformers would then compute different models. */
export function styleProblems(raw: Values): Problem[] {
  const [now, old] = [readRope(raw), readLegacyRope(raw)];
  const pairs: [string, Value | undefined, Value | undefined][] = [["dtype", raw.dtype, raw.torch_dtype]];
  if (raw.rope_parameters !== undefined && raw.rope_theta !== undefined) pairs.push(["rope_theta", now.rope_theta, old.rope_theta]);
  if (raw.rope_parameters !== undefined && raw.rope_scaling !== undefined) {
    pairs.push(["rope_scaling", normalScaling(raw.rope_parameters), old.rope_scaling]);
  }
  return pairs
    .filter(([, five, four]) => five !== undefined && four !== undefined && !sameJson(five as Json, four as Json))
    .map(([what, five, four]) => ({
      code: "CONFIG_STYLES_DISAGREE",
      message: `config.json: ${what}: the style of transformers 5 says ${JSON.stringify(five)}, that of version 4 ${JSON.stringify(four)}; taking what version 5 reads`,
    }));
}

/** transformers loads the weights as what the config names. */
export function dtypeProblems(raw: Values, files: readonly CheckpointFile[]): Problem[] {
  const said = raw.dtype ?? raw.torch_dtype;
  const found = majorityDtype(files.map(({ header }) => header));
  const stored = torchName(found);
  if (typeof said !== "string" || said === "auto" || stored === undefined || said.replace(/^torch\./, "") === stored) return [];
  return [{ code: "DTYPE_DISAGREES", message: `config.json: the dtype is ${said}, the weights are ${found}; a new config says ${stored}` }];
}

export interface ConfigRequest {
  readonly plugin: Plugin;
  readonly settings: Settings;
  readonly dimensions: Readonly<Record<string, number>>;
  readonly dtype: DType;
  /** A config.json whose other keys are kept: the source's own, or one that a receipt carried. */
  readonly base: string | undefined;
  /** The source's config, whose numbers keep their text where they go. */
  readonly source: string;
  /** Whether the base is the source's own, whose class names then stand. */
  readonly baseIsSource: boolean;
}

/** A config.json that transformers 4 and 5 read alike. Values that the base already says keep its text. */
export function composeConfig({ plugin, settings, dimensions, dtype, base, source, baseIsSource }: ConfigRequest): JsonObject {
  const spelled = parseObject(source, "the source's config");
  const document: JsonObject = base === undefined ? {} : parseObject(base, "config.json");
  const put = (key: string, value: Json) => {
    if (!sameJson(document[key], value)) document[key] = value;
  };
  for (const [key, value] of Object.entries(plugin.constants.huggingface ?? {})) {
    if (!baseIsSource || document[key] === undefined) put(key, value as Json);
  }
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    if (!isHere(declaration) || ROPE_KEYS.includes(name)) continue;
    const value = settings[name] ?? null;
    const isDefault = sameJson(value as Json, resolveValue(declaration.default ?? null, dimensions) as Json);
    if (declaration.optional === true && isDefault) delete document[name];
    else if (!restates(document[name], value, declaration)) put(name, respelled(typed(value, declaration), spelled));
  }
  if (plugin.settings.rope_theta !== undefined) putRope(document, settings, spelled, put);
  const torch = torchName(dtype);
  if (torch !== undefined) for (const key of ["dtype", "torch_dtype"]) put(key, torch);
  return Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Both styles, with equal meaning. What already means these settings keeps its own text. */
function putRope(document: JsonObject, settings: Settings, spelled: JsonObject, put: (key: string, value: Json) => void): void {
  const theta = pythonFloat(Number(settings.rope_theta));
  const scaling = respelled((settings.rope_scaling ?? null) as Json, spelled);
  const factor = Number(settings.partial_rotary_factor ?? 1);
  const partial: JsonObject = factor === 1 ? {} : { partial_rotary_factor: pythonFloat(factor) };
  const meant = { rope_theta: settings.rope_theta ?? null, rope_scaling: scaling, partial_rotary_factor: factor };
  const known = plain(document) as Values;
  const { rope_parameters, rope_scaling } = known;
  const said = {
    partial_rotary_factor: 1,
    ...readRope({ ...(rope_parameters === undefined ? {} : { rope_parameters }), rope_scaling: null }),
  };
  if (!sameJson(said as Json, meant as Json)) {
    document.rope_parameters = { ...partial, ...(isObject(scaling) ? scaling : { rope_type: "default" }), rope_theta: theta };
  }
  put("rope_theta", theta);
  if (rope_scaling === undefined || !sameJson(normalScaling(rope_scaling) as Json, scaling)) document.rope_scaling = scaling;
  if (factor === 1) delete document.partial_rotary_factor;
  else put("partial_rotary_factor", pythonFloat(factor));
}

/**
 * Nanotron holds one id where Hugging Face may list several; the list stands while its first is that id. And it may hold
 * something where Hugging Face says null.
 */
function restates(known: Json | undefined, value: Value, { type, instead_of_null = {} }: SettingDeclaration): boolean {
  if (known === null && Object.values(instead_of_null).some((instead) => sameJson(instead as Json, value as Json))) return true;
  if (type !== "token" || !Array.isArray(known)) return false;
  const ids = plain(known) as Json[];
  return ids[0] === value || sameJson(ids, value as Json);
}

const typed = (value: Value, { type }: SettingDeclaration): Json =>
  type === "float" && typeof value === "number" ? pythonFloat(value) : (value as Json);
