// Every hypothesis there is, in the catalogue's order. A new one is a value in a file of its own kind, and a line here.

import { dtypeHypotheses } from "./dtypes.js";
import { elementHypotheses } from "./elements.js";
import { fusedHypotheses } from "./fused.js";
import type { Hypothesis } from "./hypothesis.js";
import { misplacedHypotheses } from "./misplaced.js";
import { rotaryHypotheses } from "./rotary.js";
import { settingHypotheses } from "./settings.js";
import { shardedHypotheses } from "./sharded.js";
import { unwrittenHypotheses } from "./unwritten.js";
import { vocabularyHypotheses } from "./vocabulary.js";

export const hypotheses: readonly Hypothesis[] = [
  ...rotaryHypotheses,
  ...fusedHypotheses,
  ...misplacedHypotheses,
  ...unwrittenHypotheses,
  ...shardedHypotheses,
  ...vocabularyHypotheses,
  ...dtypeHypotheses,
  ...settingHypotheses,
  ...elementHypotheses,
].sort((a, b) => a.fault.localeCompare(b.fault));
