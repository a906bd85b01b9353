// What the bench breaks and converts: the bundled model, and small random ones of other shapes.

import { sizesOf } from "../../helpers/faults/checkpoint-files.js";
import { huggingFace, nanotron, type Target } from "../../helpers/faults/targets.js";
import type { FloatDType } from "../../helpers/floats.js";
import type { Scratch } from "../../helpers/folders.js";
import { fixture, readJson } from "../../helpers/folders.js";
import { type GaussianModel, writeGaussianLlama } from "../../helpers/gaussian-llama.js";
import type { NaiveModel } from "../../helpers/naive-nanotron.js";

export interface Subject {
  readonly name: string;
  readonly source: string;
  readonly model: NaiveModel & { readonly dtype: FloatDType };
  readonly targets: readonly Target[];
}

const base = { headDim: 16, vocab: 96, layers: 3, tied: false } as const;

const random: readonly (readonly [string, GaussianModel, readonly Target[]])[] = [
  [
    "two key/value heads of six, F16",
    { ...base, hidden: 96, heads: 6, kvHeads: 2, ffn: 110, dtype: "F16" },
    [huggingFace, nanotron(2, 1, true)],
  ],
  [
    "a key/value head for each, F32",
    { ...base, headDim: 8, hidden: 64, heads: 8, kvHeads: 8, ffn: 88, layers: 4, dtype: "F32" },
    [huggingFace, nanotron(4, 2, false)],
  ],
  ["tied, BF16", { ...base, hidden: 64, heads: 4, kvHeads: 2, ffn: 88, tied: true, dtype: "BF16" }, [huggingFace, nanotron(2, 3, false)]],
];

export function subjectsIn(scratch: Scratch): Subject[] {
  const tiny = fixture("tiny-llama3");
  const bundled: Subject = {
    name: "the bundled model, BF16",
    source: tiny,
    model: { ...sizesOf(readJson(tiny, "config.json")), dtype: "BF16" },
    targets: [huggingFace, nanotron(1, 1, true), nanotron(2, 2, true), nanotron(4, 1, false)],
  };
  return [
    bundled,
    ...random.map(([name, model, targets]) => {
      const source = scratch.fresh();
      writeGaussianLlama(source, model, 1);
      return { name, source, model, targets };
    }),
  ];
}
