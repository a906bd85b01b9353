// Every injector there is.

import type { Fault } from "./fault.js";
import { fusedFaults } from "./fused.js";
import { layerFaults } from "./layers.js";
import { rotaryFaults } from "./rotary.js";
import { settingFaults } from "./settings.js";
import { shardedFaults } from "./sharded.js";

export const faults: readonly Fault[] = [...rotaryFaults, ...fusedFaults, ...layerFaults, ...shardedFaults, ...settingFaults].sort((a, b) =>
  a.id.localeCompare(b.id),
);
