// The family's forwards, by layout.

import type { FamilyForwards } from "../../core/forward/forward.js";
import { huggingFaceLlama } from "./huggingface-forward.js";
import { nanotronLlama } from "./nanotron-forward.js";

export const llamaForwards: FamilyForwards = { huggingface: huggingFaceLlama, nanotron: nanotronLlama };
