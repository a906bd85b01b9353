// YAML as data: bounded, without aliases, and with the line of every value, so that an error can point at it.

import {
  constructFromEvents,
  DUMP_SCHEMA,
  type defineScalarTag,
  dump,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  YAMLException,
} from "js-yaml";
import { isLosslessNumber } from "lossless-json";
import { DeclarationError } from "../errors.js";
import { floatRepr } from "./python.js";

/** A plugin of a thousand parameters is a tenth of it. */
export const MAX_YAML_BYTES = 1024 * 1024;
const MAX_YAML_DEPTH = 32;

export interface YamlDocument {
  readonly value: unknown;
  /** Line (from 1) where the member at a JSON pointer begins, its key if it has one, or that of the nearest one around it. */
  lineOf(pointer: string): number;
}

/**
 * @param file - named in errors
 * @throws {DeclarationError} not YAML, too large or too deep, an alias, or a repeated key
 */
export function parseYaml(text: string, file: string): YamlDocument {
  const fail = (line: number, message: string) => new DeclarationError([{ file, line, pointer: "", message }]);
  if (Buffer.byteLength(text) > MAX_YAML_BYTES) throw fail(1, `expected at most ${MAX_YAML_BYTES} bytes of YAML`);
  try {
    const events = parseEvents(text, { maxDepth: MAX_YAML_DEPTH });
    const documents = constructFromEvents(events, { source: text, maxAliases: 0 });
    if (documents.length !== 1) throw fail(1, `expected one YAML document, found ${documents.length}`);
    const lines = locate(events, text);
    return { value: documents[0], lineOf: (pointer) => nearest(lines, pointer) };
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    throw fail((cause.mark?.line ?? 0) + 1, cause.reason);
  }
}

type ScalarTag = ReturnType<typeof defineScalarTag>;

interface Open {
  readonly pointer: string;
  readonly isMapping: boolean;
  index: number;
  key: string | undefined;
  keyLine: number;
}

function locate(events: readonly Event[], text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const lineAt = lineCounter(text);
  const open: Open[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) open.pop();
    else if (event.type === EVENT_ID.DOCUMENT) open.push({ pointer: "", isMapping: false, index: -1, key: "", keyLine: 1 });
    else if (event.type === EVENT_ID.SCALAR) {
      const parent = open.at(-1);
      if (parent?.isMapping && parent.key === undefined)
        [parent.key, parent.keyLine] = [getScalarValue(text, event), lineAt(event.valueStart)];
      else lines.set(childPointer(parent), parent?.isMapping ? parent.keyLine : lineAt(event.valueStart));
    } else if (event.type !== EVENT_ID.ALIAS) {
      const parent = open.at(-1);
      const pointer = childPointer(parent);
      lines.set(pointer, parent?.isMapping ? parent.keyLine : lineAt(event.start));
      open.push({ pointer, isMapping: event.type === EVENT_ID.MAPPING, index: 0, key: undefined, keyLine: 1 });
    }
  }
  return lines;
}

/** The pointer of the value that comes next in its parent. */
function childPointer(parent: Open | undefined): string {
  if (parent === undefined || parent.index < 0) return "";
  const step = parent.isMapping ? (parent.key ?? "") : String(parent.index++);
  parent.key = undefined;
  return `${parent.pointer}/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function lineCounter(text: string): (offset: number) => number {
  let offset = 0;
  let line = 1;
  return (target) => {
    if (target < offset) [offset, line] = [0, 1];
    for (; offset < target; offset++) if (text.charCodeAt(offset) === 10) line++;
    return line;
  };
}

function nearest(lines: ReadonlyMap<string, number>, pointer: string): number {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const line = lines.get(at);
    if (line !== undefined) return line;
    if (at === "") return 1;
  }
}

/** PyYAML takes `1e-05` for text: a float needs a point and, in an exponent, a sign. */
const pyyamlFloat = (text: string): string => (/^-?\d+e/i.test(text) ? text.replace(/e/i, ".0e") : text);

/** The dumper's own tag, which knows what text has to be quoted; only what it is given, and how that is spelled, is ours. */
function numberTag(name: "int" | "float", identify: (value: unknown) => boolean, represent: (value: unknown) => string): ScalarTag {
  const tagName = `tag:yaml.org,2002:${name}`;
  const known = DUMP_SCHEMA.tags.find((tag) => tag.tagName === tagName && tag.nodeKind === "scalar") as ScalarTag;
  return { ...known, identify, represent };
}

const floatTag = numberTag(
  "float",
  (value) => (typeof value === "number" ? !Number.isInteger(value) : isLosslessNumber(value) && /[.e]/i.test(value.value)),
  (value) => pyyamlFloat(typeof value === "number" ? floatRepr(value) : String(value)),
);
const integerTag = numberTag("int", (value) => Number.isInteger(value) || (isLosslessNumber(value) && !/[.e]/i.test(value.value)), String);
const SCHEMA = DUMP_SCHEMA.withTags(floatTag, integerTag);

/** As PyYAML dumps a config: block style, keys sorted. Numbers with their own text keep it. */
export const printYaml = (value: unknown): string => dump(value, { schema: SCHEMA, sortKeys: true, lineWidth: -1, noRefs: true });
