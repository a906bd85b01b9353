// Which executor a forward runs on, and why.

import { ExecutorError } from "../errors.js";
import type { Registry } from "../registry.js";
import type { Store } from "../store/store.js";
import type { Executor, ExecutorProvider } from "./executor.js";

/** An executor by name, and why each of those that `auto` would rather have taken was passed over, one line. */
export interface Choice {
  readonly name: string;
  readonly passedOver: readonly string[];
}

/** The best executor that works here; the registry has the best first. */
export async function bestExecutor(providers: Registry<ExecutorProvider>): Promise<Choice> {
  const passedOver: string[] = [];
  for (const provider of providers.all()) {
    const reason = (await provider.unavailable()) ?? (await provider.unsuited?.());
    if (reason === undefined) return { name: provider.name, passedOver };
    passedOver.push(`${provider.name}: ${reason}`);
  }
  throw new ExecutorError(`no executor can run here: ${passedOver.join("; ")}`);
}

export interface Opened {
  readonly executor: Executor;
  /** Empty for an executor that was asked for by name. */
  readonly passedOver: readonly string[];
}

/**
 * @param name - an executor's name, or `auto` for the best that works here
 * @throws {UsageError} no executor has the name
 * @throws {ExecutorError} the one named cannot run here, with the reason and what would help
 */
export async function openExecutor(providers: Registry<ExecutorProvider>, name: string, store: Store): Promise<Opened> {
  const choice: Choice = name === "auto" ? await bestExecutor(providers) : { name, passedOver: [] };
  const provider = providers.get(choice.name);
  const reason = await provider.unavailable();
  if (reason !== undefined) throw new ExecutorError(`executor ${name} cannot run here: ${reason}`);
  return { executor: await provider.open(store), passedOver: choice.passedOver };
}
