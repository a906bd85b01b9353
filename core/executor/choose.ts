// Which executor a forward runs on.

import { ExecutorError } from "../errors.js";
import type { Registry } from "../registry.js";
import type { Store } from "../store/store.js";
import type { Executor, ExecutorProvider } from "./executor.js";

/**
 * @param name - an executor's name, or `auto` for the best that works here
 * @throws {UsageError} no executor has the name
 * @throws {ExecutorError} the one named cannot run here, with the reason and what would help
 */
export async function openExecutor(providers: Registry<ExecutorProvider>, name: string, store: Store): Promise<Executor> {
  if (name !== "auto") {
    const provider = providers.get(name);
    const reason = await provider.unavailable();
    if (reason !== undefined) throw new ExecutorError(`executor ${name} cannot run here: ${reason}`);
    return provider.open(store);
  }
  for (const provider of providers.all()) if ((await provider.unavailable()) === undefined) return provider.open(store);
  throw new ExecutorError("no executor can run here");
}
