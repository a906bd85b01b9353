// Which tensors are rotated. Where Nanotron's RoPE is interleaved their rows are permuted, and content shows it; where both frameworks
// have rows in one order nothing shows it, and names have to do.

import { moduleOf } from "./names.js";
import type { Rule, RulePart, Unexplained } from "./rules.js";

const QUERY_OR_KEY = /\.(q|k|query|key)(_proj)?\.(weight|bias)$/;

/** Rows of a head whose two orders are the same. */
const ONE_PAIR = 2;

export interface Rotation {
  readonly isRotary: (part: RulePart) => boolean;
  readonly remarks: readonly string[];
  readonly unexplained: readonly Unexplained[];
}

/**
 * @param interleaved - what Nanotron's config says; undefined when it does not
 * @param headDim - rows of a head, by the config
 */
export function rotationOf(rules: readonly Rule[], interleaved: boolean | undefined, headDim: number | undefined): Rotation {
  const parts = rules.flatMap((rule) => rule.parts);
  const permuted = parts.filter(({ headDim: order }) => typeof order === "number");
  if (permuted.length === 0) return rotationByName(parts, headDim === ONE_PAIR ? undefined : interleaved);
  const unexplained: Unexplained[] = [];
  const report = (names: readonly string[], because: string) => unexplained.push({ layout: "huggingface", names, because });
  if (interleaved === false) {
    report(
      permuted.map(({ template }) => template),
      "their rows are permuted as for interleaved RoPE, and rope_interleaved is false",
    );
  }
  const others = permuted.filter((part) => part.headDim !== headDim);
  if (others.length > 0) {
    const because = `their rows are permuted in heads of ${others[0]?.headDim}, and the config says ${headDim}`;
    report(
      others.map(({ template }) => template),
      because,
    );
  }
  const remarks = permuted.map(({ template }) => `${template}: rotary, as its rows are permuted in heads of ${headDim}`);
  const names = new Set(permuted.map(({ template }) => template));
  // A bias of zeros is in any order; its weight's is then its own.
  const modules = new Set(permuted.map(({ template }) => moduleOf(template)));
  const isAlong = ({ template, headDim: order }: RulePart) => order === "any" && modules.has(moduleOf(template));
  const along = parts
    .filter(isAlong)
    .map(({ template }) => `${template}: rotary as its module's other tensor is; its own rows fit any order`);
  return { isRotary: (part) => names.has(part.template) || isAlong(part), remarks: [...remarks, ...along], unexplained };
}

function rotationByName(parts: readonly RulePart[], interleaved: boolean | undefined): Rotation {
  const isNamed = ({ template }: RulePart): boolean => QUERY_OR_KEY.test(template);
  const named = parts.filter(isNamed).map(({ template }) => template);
  const contradiction = "rope_interleaved is true, and no tensor's rows are permuted";
  return {
    isRotary: (part) => interleaved !== true && isNamed(part),
    remarks: interleaved === true ? [] : [rotaryRemark(named)],
    unexplained: interleaved === true ? [{ layout: "nanotron", names: ["rope_interleaved"], because: contradiction }] : [],
  };
}

const rotaryRemark = (named: readonly string[]): string =>
  named.length === 0
    ? "no tensor is declared rotary: both sides have rows in one order, so that content does not show it, and no name says q or k"
    : `rotary by name only, as both sides have rows in one order: ${named.join(", ")}`;
