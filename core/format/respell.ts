// Values that went through plain numbers get their own text back: Python tells 2.0 from 2, and some readers insist on the float.

import { isObject, type Json, sameJson } from "./json.js";

/**
 * @param document - as its file spells it
 * @returns the value, each number in it, or list of them, as the document spells an equal one under the same key
 */
export function respelled(value: Json, document: Json): Json {
  const spellings = new Map<string, Json[]>();
  collect(document, spellings);
  const spell = (entry: Json, key: string): Json =>
    isObject(entry)
      ? Object.fromEntries(Object.entries(entry).map(([name, part]) => [name, spell(part, name)]))
      : (spellings.get(key)?.find((found) => sameJson(found, entry)) ?? entry);
  return spell(value, "");
}

function collect(value: Json, spellings: Map<string, Json[]>): void {
  if (!isObject(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    if (isObject(entry)) collect(entry, spellings);
    else spellings.set(key, [...(spellings.get(key) ?? []), entry]);
  }
}
