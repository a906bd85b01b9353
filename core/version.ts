// The package's version, from its package.json.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function packageVersion(): string {
  const path = fileURLToPath(import.meta.resolve("#package"));
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  return version;
}
