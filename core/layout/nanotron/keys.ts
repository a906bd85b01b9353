// Where model_config.json has a setting: a key, or a key of an object within, as MoEConfig is one within Qwen2Config.

import { formOf, type SettingDeclaration, type Value, type Values } from "../../architecture/declaration.js";
import { isObject, type Json, type JsonObject } from "../../format/json.js";

/** @param name - the setting's Hugging Face name */
export const keyPath = (name: string, declaration: SettingDeclaration): readonly string[] =>
  formOf(name, declaration, "nanotron").key.split(".");

/** @returns undefined where there is no such key, or an object on the way is null */
export function readKey(raw: Values, path: readonly string[]): Value | undefined {
  const [first = "", ...rest] = path;
  const value = Object.hasOwn(raw, first) ? raw[first] : undefined;
  if (rest.length === 0) return value;
  return isObject(value) ? readKey(value as Values, rest) : undefined;
}

/** As `readKey`, in a document whose numbers keep their text. */
export function textAt(document: JsonObject, path: readonly string[]): Json | undefined {
  const [first = "", ...rest] = path;
  const value = Object.hasOwn(document, first) ? document[first] : undefined;
  if (rest.length === 0) return value;
  return isObject(value) ? textAt(value, rest) : undefined;
}

/** Makes the objects on the way that are not there. */
export function writeKey(document: JsonObject, path: readonly string[], value: Json): void {
  const [first = "", ...rest] = path;
  if (rest.length === 0) {
    document[first] = value;
    return;
  }
  const within = document[first];
  const object: JsonObject = isObject(within) ? within : {};
  document[first] = object;
  writeKey(object, rest, value);
}
