// Which executor a forward ran on, in the few words that a table has room for.

import { printDebug } from "./output.js";

interface Ran {
  readonly executor: string;
  readonly device: string;
  readonly passedOver: readonly string[];
}

/** Executors that `auto` passed over are named. Why, most have no need to read each time: it is in `--json`, and told on `--debug`. */
export function executorWords({ executor, device, passedOver }: Ran): string {
  for (const reason of passedOver) printDebug(`passed over ${reason}`);
  const names = passedOver.map((reason) => reason.split(":", 1)[0]);
  return `${executor} (${device}${names.length === 0 ? "" : `; ${names.join(", ")} passed over, --debug says why`})`;
}
