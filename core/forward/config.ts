// Reads a framework's config for a forward: typed, and with an error that names the key.

import type { Value, Values } from "../architecture/declaration.js";
import { CheckpointError } from "../errors.js";
import type { ForwardSource } from "./forward.js";

export interface ConfigReader {
  integer(key: string, fallback?: number): number;
  number(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  text(key: string, fallback: string): string;
  /** An object, or undefined when it is absent or null. */
  object(key: string): Values | undefined;
}

/** `null` counts as absent, as in both frameworks. @throws {CheckpointError} from each method: absent without a fallback, or of another type */
export function configReader({ config, configPath }: ForwardSource): ConfigReader {
  const read = <T extends Value>(key: string, type: string, isRight: (value: Value) => boolean, fallback: T | undefined): T => {
    const value = config[key] ?? fallback;
    if (value === undefined) throw new CheckpointError(`${configPath}: ${key} is missing`);
    if (!isRight(value)) throw new CheckpointError(`${configPath}: ${key}: expected ${type}, found ${JSON.stringify(value)}`);
    return value as T;
  };
  return {
    integer: (key, fallback) => read(key, "a positive integer", (value) => Number.isSafeInteger(value) && (value as number) > 0, fallback),
    number: (key, fallback) => read(key, "a number", (value) => typeof value === "number", fallback),
    flag: (key, fallback) => read(key, "true or false", (value) => typeof value === "boolean", fallback),
    text: (key, fallback) => read(key, "text", (value) => typeof value === "string", fallback),
    object: (key) => (config[key] === undefined || config[key] === null ? undefined : read<Values>(key, "an object", isValues, undefined)),
  };
}

const isValues = (value: Value): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
