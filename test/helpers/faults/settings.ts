// What the config says of exact weights: whether lm_head is the embedding, and the norm's epsilon.

import { editJson, readJson } from "../folders.js";
import { type Fault, fault } from "./fault.js";
import { top } from "./model-parts.js";

const epsilon = (title: string, change: (right: number) => number): Fault =>
  fault({
    id: "F18",
    title,
    changes: () => [],
    settings: ["rms_norm_eps"],
    stage: () => "layer 0 attention",
    edit: ({ folder, configName }) => editJson(folder, configName, { rms_norm_eps: change(readJson(folder, configName).rms_norm_eps) }),
  });

export const settingFaults: readonly Fault[] = [
  fault({
    id: "F14",
    title: "tied in the config, though lm_head is a tensor of its own",
    where: ({ tied }) => !tied,
    elsewhere: "tied: right",
    changes: () => ["lm_head.weight"],
    settings: ["tie_word_embeddings"],
    stage: () => "logits",
    edit: ({ folder, configName }) => editJson(folder, configName, { tie_word_embeddings: true }),
  }),
  fault({
    id: "F14",
    title: "the embedding in lm_head's place",
    where: ({ tied }) => !tied,
    elsewhere: "tied: right",
    changes: () => ["lm_head.weight"],
    stage: () => "logits",
    edit: (files) => {
      const embedding = top(files, "embedding").map((part) => part.read());
      top(files, "lmHead").forEach((part, rank) => part.write(embedding[rank] ?? Buffer.alloc(0)));
    },
  }),
  epsilon("rms_norm_eps ten times as large", (right) => right * 10),
  epsilon("rms_norm_eps at the default 1e-6", () => 1e-6),
];
