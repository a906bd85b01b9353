// Which executor a forward runs on.

import { ExecutorError } from "../errors.js";
import type { Registry } from "../registry.js";
import type { Store } from "../store/store.js";
import type { Executor, ExecutorProvider } from "./executor.js";

/** The name of the best executor that works here. */
export async function bestExecutor(providers: Registry<ExecutorProvider>): Promise<string> {
  for (const provider of providers.all()) if ((await provider.unavailable()) === undefined) return provider.name;
  throw new ExecutorError("no executor can run here");
}

/**
 * @param name - an executor's name, or `auto` for the best that works here
 * @throws {UsageError} no executor has the name
 * @throws {ExecutorError} the one named cannot run here, with the reason and what would help
 */
export async function openExecutor(providers: Registry<ExecutorProvider>, name: string, store: Store): Promise<Executor> {
  const provider = providers.get(name === "auto" ? await bestExecutor(providers) : name);
  const reason = await provider.unavailable();
  if (reason !== undefined) throw new ExecutorError(`executor ${name} cannot run here: ${reason}`);
  return provider.open(store);
}
