// Options that several commands share, and how their values are read: what cannot be right is refused before anything is opened.

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CastTarget, LayoutName } from "../architecture/declaration.js";
import type { ForwardChoices } from "../engine/forwards.js";
import type { PlanOptions } from "../engine/prepared.js";
import { UsageError } from "../errors.js";
import type { Numerics } from "../forward/forward.js";
import type { NanotronVersion } from "../layout/layout.js";

export interface PlanFlags {
  readonly to: LayoutName;
  readonly tp?: number;
  readonly pp?: number;
  readonly plugin?: string;
  readonly dtype?: CastTarget;
  readonly nanotronVersion?: NanotronVersion;
  readonly ropeInterleaved?: boolean;
  readonly sourceRopeInterleaved?: boolean;
  readonly allowSemanticLoss?: boolean;
  readonly maxShardSize?: number;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export const withJson = (command: Command): Command => command.option("--json", "print one JSON document");

export const withThreads = (command: Command): Command =>
  command.option("--threads <n>", "how many read and write; by default the cores, up to 8, for over 64 MB", positiveInteger);

export const withModelOptions = (command: Command): Command =>
  command
    .option("--plugin <name|folder|package>", "architecture plugin, instead of the one the config matches")
    .option("--source-rope-interleaved <yes|no>", "for a Nanotron checkpoint whose config does not say", yesNo);

export const withPlanOptions = (command: Command): Command =>
  withModelOptions(
    command
      .addOption(
        new Option("--to <nanotron|huggingface>", "layout of the result").choices(["nanotron", "huggingface"]).makeOptionMandatory(),
      )
      .option("--tp <n>", "tensor-parallel size", positiveInteger)
      .option("--pp <n>", "pipeline-parallel size", positiveInteger),
  )
    .addOption(new Option("--dtype <dtype>", "turn the weights into this dtype").choices(["BF16", "F16", "F32"]))
    .addOption(new Option("--nanotron-version <version>", "checkpoint version to write").choices(["1.4", "1.5"]))
    .option("--rope-interleaved", "store q and k in interleaved RoPE order")
    .option("--no-rope-interleaved", "store q and k in half-split RoPE order")
    .option("--allow-semantic-loss", "go on where the weights stay exact and the forward differs")
    .option("--max-shard-size <size>", "bytes of a Hugging Face shard, e.g. 5GB", byteSize)
    .option("--strict", "treat warnings as errors");

/** Flags that say something about one layout only. */
const ONLY_FOR: readonly [keyof PlanFlags | "nanotronRoot", string, LayoutName][] = [
  ["maxShardSize", "--max-shard-size", "huggingface"],
  ["nanotronVersion", "--nanotron-version", "nanotron"],
  ["nanotronRoot", "--nanotron-root", "nanotron"],
];

/** @throws {UsageError} a flag that the target's layout has no use for */
export function checkFlags(flags: PlanFlags & { readonly nanotronRoot?: string }): void {
  const useless = ONLY_FOR.find(([key, , layout]) => flags[key] !== undefined && flags.to !== layout);
  if (useless !== undefined) throw new UsageError(`${useless[1]} says nothing about --to ${flags.to}`, { hint: "drop it" });
}

/** The engine's options; `plugin` is a name by now. */
export const planOptions = (flags: PlanFlags, plugin: string | undefined): PlanOptions => ({
  to: flags.to,
  tp: flags.tp,
  pp: flags.pp,
  plugin,
  dtype: flags.dtype,
  nanotronVersion: flags.nanotronVersion,
  ropeInterleaved: flags.ropeInterleaved,
  sourceRopeInterleaved: flags.sourceRopeInterleaved,
  allowSemanticLoss: flags.allowSemanticLoss,
  maxShardBytes: flags.maxShardSize,
  strict: flags.strict,
});

function positiveInteger(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1 on.");
  return value;
}

const UNITS: Record<string, number> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 };

/** `5GB` is decimal, as transformers counts; `5GiB` is binary. */
function byteSize(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B)$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (!(bytes >= 1)) throw new InvalidArgumentError("expected a size like 5GB or 500MB.");
  return bytes;
}

function yesNo(text: string): boolean {
  if (text !== "yes" && text !== "no") throw new InvalidArgumentError("expected yes or no.");
  return text === "yes";
}

export interface ForwardFlags {
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly tokensFile?: string;
  readonly executor?: string;
  readonly numerics?: Numerics;
  readonly positions?: readonly number[];
  readonly top?: number;
}

export const withForwardOptions = (command: Command): Command =>
  command
    .addOption(new Option("--prompt <text>", "text to predict on").conflicts(["promptFile", "tokensFile"]))
    .addOption(new Option("--prompt-file <file>", "a file with the text").conflicts(["prompt", "tokensFile"]))
    .addOption(new Option("--tokens-file <file>", "a JSON array of token ids").conflicts(["prompt", "promptFile"]))
    .option("--executor <auto|webgpu|cpu>", "what the forwards run on", "auto")
    .addOption(new Option("--numerics <numerics>", "round nowhere, or where the framework does").choices(["exact", "framework"]));

export const withPositionOptions = (command: Command): Command =>
  command
    .option("--positions <list>", "predictions to show, counted from 0 (default: 5,27,34)", positions)
    .option("--top <n>", "best tokens to show at each (default: 10)", wholeNumber);

const wholeNumber = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number.");
  return Number(text);
};

const positions = (text: string): number[] => text.split(",").map((part) => wholeNumber(part.trim()));

/** @throws {UsageError} a file that cannot be read, or holds no ids */
export function forwardChoices({ prompt, promptFile, tokensFile, executor, numerics }: ForwardFlags): ForwardChoices {
  const text = promptFile === undefined ? prompt : readInput(promptFile);
  return { prompt: text, tokens: tokensFile === undefined ? undefined : readTokens(tokensFile), executor, numerics };
}

function readInput(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`${file}: cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause, hint: "check the path" });
  }
}

function readTokens(file: string): number[] {
  const text = readInput(file);
  const hint = { hint: "expected a JSON array like [1, 15043, 3186]" };
  let ids: unknown;
  try {
    ids = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file}: no JSON`, { cause, ...hint });
  }
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "number")) throw new UsageError(`${file}: no array of numbers`, hint);
  return ids;
}
