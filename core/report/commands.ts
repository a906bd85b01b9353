// The commands that give the same again.

import type { VerifyReport } from "../engine/verify.js";
import type { Check } from "../engine/verify-options.js";

/** What was asked of the verification. */
export interface ReportRequest {
  readonly checks?: readonly Check[] | undefined;
  readonly plugin?: string | undefined;
  readonly sourceRopeInterleaved?: boolean | undefined;
  readonly numerics?: "exact" | "framework" | undefined;
  readonly prompt?: string | undefined;
  /** Ids that the caller gave. */
  readonly tokens?: readonly number[] | undefined;
  readonly positions?: readonly number[] | undefined;
  readonly top?: number | undefined;
}

export interface Commands {
  readonly lines: readonly string[];
  /** A file that they read: a prompt too long for a command line. */
  readonly input: { readonly name: string; readonly text: string } | undefined;
}

/** A longer prompt is a file's. */
const MAX_PROMPT = 80;

export function commandsOf({ a, b, predictions }: VerifyReport, request: ReportRequest): Commands {
  const { checks, plugin, sourceRopeInterleaved, numerics, prompt, tokens, positions, top } = request;
  const model = [
    ...(plugin === undefined ? [] : ["--plugin", plugin]),
    ...(sourceRopeInterleaved === undefined ? [] : ["--source-rope-interleaved", sourceRopeInterleaved ? "yes" : "no"]),
  ];
  const input = inputOf(prompt, tokens);
  const forward = [
    ...(input === undefined ? [] : [input.option, input.name]),
    ...(prompt === undefined || input !== undefined ? [] : ["--prompt", prompt]),
    ...(numerics === undefined ? [] : ["--numerics", numerics]),
    ...(predictions === null ? [] : ["--executor", predictions.executor]),
    ...(positions === undefined ? [] : ["--positions", positions.join(",")]),
    ...(top === undefined ? [] : ["--top", String(top)]),
  ];
  const only = checks === undefined ? [] : ["--checks", checks.join(",")];
  const commands = [
    ["verify", a.path, b.path, ...model, ...forward, ...only, "--report", "report.html"],
    ...[a, b].map(({ path }) => ["inspect", path]),
    ...(predictions === null ? [] : [a, b].map(({ path }) => ["predict", path, ...model, ...forward])),
  ];
  return { lines: commands.map((words) => ["weighbridge", ...words.map(quoted)].join(" ")), input };
}

function inputOf(prompt: string | undefined, tokens: readonly number[] | undefined) {
  if (tokens !== undefined) return { option: "--tokens-file", name: "tokens.json", text: JSON.stringify(tokens) };
  if (prompt === undefined || (prompt.length <= MAX_PROMPT && !prompt.includes("\n"))) return undefined;
  return { option: "--prompt-file", name: "prompt.txt", text: prompt };
}

/** A word as a POSIX shell takes it; as bash and zsh do where it has control characters, which must be seen. */
export function quoted(word: string): string {
  if (/^[\w./:=,@%+-]+$/.test(word)) return word;
  if (!/\p{Cc}/u.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const hex = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `$'${word
    .replace(/[\\']/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replace(/\p{Cc}/gu, hex)}'`;
}
