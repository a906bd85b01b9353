// model_config.json: the key set of each version, strict as Nanotron's own parser is.

import { formOf, type Plugin, type SettingDeclaration, type Value, type Values } from "../../architecture/declaration.js";
import { nearestInteger, type Settings } from "../../architecture/settings.js";
import { isObject, type Json, type JsonObject, parseObject, plain, sameJson } from "../../format/json.js";
import { pythonFloat } from "../../format/python.js";
import { respelled } from "../../format/respell.js";
import type { NanotronVersion } from "../layout.js";
import { normalScaling } from "../rope-scaling.js";
import { keyPath, readKey, textAt, writeKey } from "./keys.js";

/** What a checkpoint of before 2024-05 was trained with; later ones have the key. @see nanotron-format: RoPE */
const THETA_WITHOUT_KEY = 10000;

const isHere = ({ in: only }: SettingDeclaration): boolean => only === undefined || only === "nanotron";

/** The settings of a model_config.json; absent keys stay absent, save theta, whose default changed. */
export function settingsOf(raw: Values, plugin: Plugin): Values {
  const values: Record<string, Value> = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = readKey(raw, keyPath(name, declaration));
    if (isHere(declaration) && value !== undefined) values[name] = value;
  }
  values.rope_theta ??= THETA_WITHOUT_KEY;
  if (values.rope_scaling !== undefined) values.rope_scaling = normalScaling(values.rope_scaling);
  return values;
}

/** Nanotron's parser takes every key for a field of the model's dataclass: one that the plugin does not have is another model's. */
export function unknownKeys(raw: Readonly<Record<string, unknown>>, { settings, constants }: Plugin): string[] {
  const here = Object.entries(settings).filter(([, declaration]) => isHere(declaration));
  const known = new Set([
    ...here.map(([name, declaration]) => keyPath(name, declaration).join(".")),
    ...Object.keys(constants.nanotron ?? {}),
  ]);
  const objects = new Set([...known].flatMap((key) => (key.includes(".") ? [key.split(".")[0] ?? ""] : [])));
  const keys = Object.entries(raw).flatMap(([key, value]) =>
    objects.has(key) && isObject(value) ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
  );
  return keys.filter((key) => !known.has(key) && !objects.has(key));
}

export interface ModelConfigRequest {
  readonly plugin: Plugin;
  readonly settings: Settings;
  readonly version: NanotronVersion;
  /** An earlier model_config.json: where it has another value of the same meaning, its text stays, and so do keys that nobody knows. */
  readonly base: string | undefined;
  /** The source's config, whose numbers keep their text where they go. */
  readonly source: string;
}

/** The model's dataclass as Nanotron dumps it. */
export function composeModelConfig({ plugin, settings, version, base, source }: ModelConfigRequest): JsonObject {
  const earlier = base === undefined ? {} : parseObject(base, "model_config.json");
  const said = settingsOf(plain(earlier) as Values, plugin);
  const spelled = parseObject(source, "the source's config");
  const document: JsonObject = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    if (!isWritten(declaration, version)) continue;
    const { type } = formOf(name, declaration, "nanotron");
    const value = respelled(typed(settings[name] ?? declaration.instead_of_null?.nanotron ?? null, type), spelled);
    const path = keyPath(name, declaration);
    const text = textAt(earlier, path);
    const stands = sameJson(text, value) || sameJson(said[name] as Json | undefined, value);
    writeKey(document, path, stands ? (text ?? value) : value);
  }
  for (const [key, value] of Object.entries(plugin.constants.nanotron ?? {})) document[key] = value as Json;
  for (const key of unknownKeys(earlier, plugin)) writeKey(document, key.split("."), textAt(earlier, key.split(".")) ?? null);
  return document;
}

const isWritten = (declaration: SettingDeclaration, version: NanotronVersion): boolean =>
  isHere(declaration) && (declaration.since === undefined || version >= declaration.since);

function typed(value: Value, type: SettingDeclaration["type"]): Json {
  if (type === "float" && typeof value === "number") return pythonFloat(value);
  if (type === "integer") return nearestInteger(value) as Json;
  // Nanotron takes one id where Hugging Face may list several; the list stays in generation_config.json.
  if (type === "token" && Array.isArray(value)) return value[0] as Json;
  return value as Json;
}
