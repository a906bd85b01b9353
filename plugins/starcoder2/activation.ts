// The one activation that the family's forwards compute.

import { UnsupportedError } from "../../core/errors.js";
import { configReader } from "../../core/forward/config.js";
import type { ForwardSource } from "../../core/forward/forward.js";

const GELU = "gelu_pytorch_tanh";

/** @throws {UnsupportedError} the config names another one */
export function checkActivation(source: ForwardSource, key: string): void {
  const found = configReader(source).text(key, GELU);
  if (found === GELU) return;
  throw new UnsupportedError(`${source.configPath}: ${key} ${JSON.stringify(found)}: this forward knows ${GELU}`, false, {
    hint: "compare with --checks parameters",
  });
}
