// The settings of a draft: what the two config files of one model say, typed by how they write it.

import { isLosslessNumber } from "lossless-json";
import type { PluginFile, SettingDeclaration, Value } from "../architecture/declaration.js";
import { isObject, type Json, type JsonObject, parseObject, plain, sameJson } from "../format/json.js";
import type { Checkpoint } from "../layout/layout.js";
import { DIMENSIONS } from "./dimensions.js";
import type { Unexplained } from "./rules.js";

/** What the layouts read and write themselves, or what only says which program wrote the file. */
const NO_SETTINGS = new Set([
  ...["architectures", "model_type", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "auto_map"],
  ...["rope_theta", "rope_scaling", "rope_parameters", "rope_interleaved", "partial_rotary_factor"],
]);

const ROPE: Readonly<Record<string, SettingDeclaration>> = {
  rope_theta: { type: "float", positive: true, default: 10000 },
  rope_scaling: { type: "object", default: null },
  rope_interleaved: { type: "boolean", default: false, in: "nanotron" },
};

/** Of the settings that change what a model computes, those that both frameworks' models have. */
const FORWARD = ["hidden_act", "rms_norm_eps", "rope_theta", "rope_scaling", "tie_word_embeddings"];

export interface DraftSettings {
  readonly file: Required<Pick<PluginFile, "identify" | "dimensions" | "settings" | "constants" | "forward" | "limits">>;
  readonly remarks: readonly string[];
  readonly unexplained: readonly Unexplained[];
}

/** @throws {FormatError} a config that is no JSON object */
export function settingsOf(huggingface: Checkpoint, nanotron: Checkpoint): DraftSettings {
  const [ours, theirs] = [configOf(huggingface), configOf(nanotron)];
  const markers = Object.keys(theirs).filter((key) => /^is_[a-z0-9]+_config$/.test(key) && theirs[key] === true);
  const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(
    (key) => !NO_SETTINGS.has(key) && !markers.includes(key) && /^[A-Za-z_][A-Za-z0-9_]*$/.test(key),
  );
  const settings: Record<string, SettingDeclaration> = {};
  const remarks: string[] = [];
  const unexplained: Unexplained[] = [];
  for (const key of keys) {
    const [a, b] = [ours[key], theirs[key]];
    const declaration = declarationOf(key, a, b);
    if (declaration === undefined) remarks.push(`${key}: not declared, as a default cannot be an object or a list`);
    else settings[key] = declaration;
    if (a !== undefined && b !== undefined && !agree(a, b))
      unexplained.push({ layout: "nanotron", names: [key], because: `config.json says ${text(a)}, model_config.json ${text(b)}` });
  }
  Object.assign(settings, dimensionSettings(ours, theirs), ROPE);
  const nanotronMarkers = Object.fromEntries(markers.map((key) => [key, true]));
  const modelType = typeof ours.model_type === "string" ? { model_type: ours.model_type } : {};
  const architectures = Array.isArray(ours.architectures) ? { architectures: plain(ours.architectures) as Value } : {};
  return {
    file: {
      identify: { huggingface: modelType, nanotron: nanotronMarkers } as NonNullable<PluginFile["identify"]>,
      dimensions: Object.fromEntries(
        DIMENSIONS.map((entry) => [entry.symbol, "default" in entry ? { setting: entry.setting, default: entry.default } : entry.setting]),
      ),
      settings,
      constants: { huggingface: { ...architectures, ...modelType }, nanotron: nanotronMarkers },
      forward: FORWARD.filter((name) => settings[name] !== undefined),
      limits: { nanotron: limitsOf(settings) },
    },
    remarks,
    unexplained,
  };
}

const configOf = ({ configText, configPath }: Checkpoint): JsonObject => parseObject(configText, configPath);

/** Sizes that one of the configs may leave out, or to null. */
function dimensionSettings(ours: JsonObject, theirs: JsonObject): Record<string, SettingDeclaration> {
  const inOne = (key: string) => (key in theirs ? {} : { in: "huggingface" });
  const sizes = DIMENSIONS.filter(({ setting }) => !(setting in ours) && !(setting in theirs)).map(({ setting }) => setting);
  return {
    ...Object.fromEntries(sizes.map((setting) => [setting, { type: "integer" as const }])),
    num_key_value_heads: { type: "integer", default: { dimension: "kv_heads" } },
    head_dim: { type: "integer", default: { dimension: "head_dim" }, ...inOne("head_dim") },
  };
}

function declarationOf(key: string, a: Json | undefined, b: Json | undefined): SettingDeclaration | undefined {
  const given = [a, b].filter((value) => value !== undefined);
  const type = typeOf(key, given);
  const isNull = given.some((value) => value === null);
  const nullable = isNull && !["token", "any", "object"].includes(type) ? { nullable: true } : {};
  if (a !== undefined && b !== undefined) return { type, ...nullable };
  const value = plain(given[0] ?? null);
  if (typeof value === "object" && value !== null) return undefined;
  return { type, ...nullable, default: value as Value, in: a === undefined ? "nanotron" : "huggingface" };
}

/** By how the files write it: `1.0` is a float, `1` an integer unless the other file has a float. */
function typeOf(key: string, values: readonly Json[]): SettingDeclaration["type"] {
  if (key.endsWith("_token_id")) return "token";
  const said = values.filter((value) => value !== null);
  const is = (test: (value: Json) => boolean) => said.length > 0 && said.every(test);
  if (is((value) => typeof value === "boolean")) return "boolean";
  if (is((value) => typeof value === "string")) return "string";
  if (is((value) => isLosslessNumber(value) && /^-?\d+$/.test(value.value))) return "integer";
  if (is(isLosslessNumber)) return "float";
  return is(isObject) ? "object" : "any";
}

/** Nanotron has one id where Hugging Face may list several. */
const agree = (a: Json, b: Json): boolean => sameJson(a, b) || (Array.isArray(a) && sameJson(a[0], b)) || a === null || b === null;

const text = (value: Json): string => JSON.stringify(plain(value));

type Limits = NonNullable<PluginFile["limits"]>[string];

function limitsOf(settings: Readonly<Record<string, SettingDeclaration>>): Limits {
  const ids = ["bos_token_id", "eos_token_id"].filter((name) => settings[name] !== undefined);
  return [
    { setting: "rope_scaling", only: null, loss: "meaning", because: "no Nanotron model reads rope_scaling" },
    ...(settings.head_dim?.in === undefined
      ? []
      : [
          {
            setting: "head_dim",
            only: { dimension: "hidden / heads" },
            loss: "weights",
            because: "Nanotron's config has no head_dim",
          } as const,
        ]),
    ...ids.map((setting) => ({ setting, never: null, loss: "weights", because: "Nanotron needs one id" }) as const),
  ];
}
