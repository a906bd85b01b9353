// What a fault is put into: right conversions of one model, and copies of them to be broken.

import { cpSync } from "node:fs";
import type { Engine } from "../../../core/index.js";
import type { Scratch } from "../folders.js";
import type { NaiveModel } from "../naive-nanotron.js";
import type { Facts } from "./checkpoint-files.js";
import type { Fault } from "./fault.js";

export interface Target {
  readonly name: string;
  readonly to: "huggingface" | "nanotron";
  readonly tp?: number;
  readonly pp?: number;
  readonly ropeInterleaved?: boolean;
}

export const huggingFace: Target = { name: "Hugging Face", to: "huggingface" };

export const nanotron = (tp: number, pp: number, ropeInterleaved: boolean): Target => ({
  name: `Nanotron TP ${tp}, PP ${pp}${ropeInterleaved ? ", interleaved" : ""}`,
  to: "nanotron",
  tp,
  pp,
  ropeInterleaved,
});

export const factsOf = (model: NaiveModel, { to, tp = 1, ropeInterleaved = false }: Target): Facts => ({
  ...model,
  layout: to,
  tp,
  interleaved: ropeInterleaved,
});

/** A Hugging Face target is the source itself, copied: the fault is then the way back's. */
export async function convertTo(engine: Engine, source: string, { name: _, ...options }: Target, scratch: Scratch): Promise<string> {
  const folder = scratch.fresh();
  if (options.to === "huggingface") cpSync(source, folder, { recursive: true });
  else await engine.convert(source, folder, { ...options, allowSemanticLoss: true, verify: "none" });
  return folder;
}

/** The fault in a copy of a right conversion. */
export function faultyCopy({ inject }: Pick<Fault, "inject">, right: string, scratch: Scratch): string {
  const folder = scratch.fresh();
  cpSync(right, folder, { recursive: true });
  inject(folder);
  return folder;
}
