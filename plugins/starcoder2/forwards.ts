// The family's forwards, by layout.

import type { FamilyForwards } from "../../core/forward/forward.js";
import { huggingFaceStarcoder2 } from "./huggingface-forward.js";
import { nanotronStarcoder2 } from "./nanotron-forward.js";

export const starcoder2Forwards: FamilyForwards = { huggingface: huggingFaceStarcoder2, nanotron: nanotronStarcoder2 };
