// Checks what a plugin's author wrote against its schema and turns ajv's findings into lines a person can act on.

import type { ErrorObject, ValidateFunction } from "ajv";
import type { DeclarationProblem } from "../errors.js";
import type { YamlDocument } from "../format/yaml.js";
import { nearestName } from "../suggest.js";

/** @returns every breach of the schema; none means that the document is what the schema describes */
export function schemaProblems(document: YamlDocument, file: string, validate: ValidateFunction): DeclarationProblem[] {
  if (validate(document.value)) return [];
  return distinct(validate.errors ?? []).map((error) => {
    const pointer = pointerOf(error);
    return { file, line: document.lineOf(pointer), pointer, message: explain(error) };
  });
}

/** ajv reports each failed branch of a choice, and then the choice; the deepest branch is what the author meant. */
function distinct(errors: readonly ErrorObject[]): ErrorObject[] {
  const structural = new Set(["if", "propertyNames"]);
  const has = (keyword: string, { instancePath }: ErrorObject) =>
    errors.some((other) => other.keyword === keyword && other.instancePath === instancePath);
  const kept = errors.filter((error) => {
    if (error.keyword === "anyOf") return !errors.some((other) => isDeeper(other, error));
    if (error.keyword === "oneOf") return !has("type", error);
    if (error.keyword === "type") return !has("anyOf", error);
    return !structural.has(error.keyword) && !error.schemaPath.includes("/oneOf/");
  });
  const seen = new Set<string>();
  return kept.filter((error) => {
    const key = `${pointerOf(error)} ${explain(error)}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

const isDeeper = (error: ErrorObject, than: ErrorObject): boolean =>
  error !== than &&
  (error.instancePath.startsWith(`${than.instancePath}/`) ||
    (error.instancePath === than.instancePath && ["required", "additionalProperties", "pattern"].includes(error.keyword)));

function pointerOf(error: ErrorObject): string {
  const key = error.keyword === "additionalProperties" ? String(error.params.additionalProperty) : undefined;
  return key === undefined ? error.instancePath : `${error.instancePath}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function explain(error: ErrorObject): string {
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(error.params.additionalProperty);
      const known = Object.keys(error.parentSchema?.properties ?? {});
      const near = nearestName(key, known);
      return `unknown key ${JSON.stringify(key)}${near === undefined ? `; known: ${known.join(", ")}` : `; did you mean ${JSON.stringify(near)}?`}`;
    }
    case "required":
      return `missing key ${JSON.stringify(error.params.missingProperty)}`;
    case "enum":
      return `expected one of ${(error.params.allowedValues as unknown[]).join(", ")}, found ${brief(error.data)}`;
    case "type":
      return `expected ${[error.params.type].flat().join(" or ")}, found ${brief(error.data)}`;
    case "anyOf":
      return `${brief(error.data)} has none of the forms allowed here`;
    case "oneOf": {
      const keys = (error.schema as { required?: string[] }[]).flatMap(({ required = [] }) => required);
      return `expected ${error.params.passingSchemas === null ? "one" : "only one"} of the keys ${keys.join(", ")}`;
    }
    default:
      return `${error.message ?? error.keyword}, found ${brief(error.data)}`;
  }
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
