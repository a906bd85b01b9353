// The family's forwards, by layout.

import type { FamilyForwards } from "../../core/forward/forward.js";
import { huggingFaceQwen2Moe } from "./huggingface-forward.js";
import { nanotronQwen2Moe } from "./nanotron-forward.js";

export const qwen2MoeForwards: FamilyForwards = { huggingface: huggingFaceQwen2Moe, nanotron: nanotronQwen2Moe };
