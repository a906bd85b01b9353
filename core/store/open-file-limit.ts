// How many files a process may have open, where the system says so. Node has raised it to what it may have.

import { readFileSync } from "node:fs";

/** @returns undefined where the system does not say */
export function openFileLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
