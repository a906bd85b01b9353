// Which executor a forward runs on, and why.

import { ExecutorError } from "../errors.js";
import type { Registry } from "../registry.js";
import type { Store } from "../store/store.js";
import type { Executor, ExecutorProvider } from "./executor.js";

/** @returns the first executor that says it works here; the registry has the best first */
export async function bestExecutor(providers: Registry<ExecutorProvider>): Promise<ExecutorProvider> {
  const passedOver: string[] = [];
  for (const provider of providers.all()) {
    const reason = await whyNot(provider);
    if (reason === undefined) return provider;
    passedOver.push(`${provider.name}: ${reason}`);
  }
  throw noneRuns(passedOver);
}

export interface Opened {
  readonly executor: Executor;
  /** Why each of those that `auto` would rather have taken was passed over, one line. Empty for an executor that was asked for by name. */
  readonly passedOver: readonly string[];
}

/**
 * @param name - an executor's name, or `auto` for the best that works here
 * @throws {UsageError} no executor has the name
 * @throws {ExecutorError} the one named cannot run here, with the reason and what would help
 */
export async function openExecutor(providers: Registry<ExecutorProvider>, name: string, store: Store): Promise<Opened> {
  if (name === "auto") return openBest(providers, store);
  return { executor: await (await workingProvider(providers, name)).open(store), passedOver: [] };
}

/** For who has long work to do before an executor is opened. @throws as openExecutor does of a name, before anything is opened */
export async function expectExecutor(providers: Registry<ExecutorProvider>, name: string): Promise<void> {
  if (name !== "auto") await workingProvider(providers, name);
}

async function workingProvider(providers: Registry<ExecutorProvider>, name: string): Promise<ExecutorProvider> {
  const provider = providers.get(name);
  const reason = await provider.unavailable();
  if (reason !== undefined) throw new ExecutorError(`executor ${name} cannot run here: ${reason}`);
  return provider;
}

/** A device that says it works may still not open: others have taken it, or its memory. */
async function openBest(providers: Registry<ExecutorProvider>, store: Store): Promise<Opened> {
  const passedOver: string[] = [];
  for (const provider of providers.all()) {
    const opened = (await whyNot(provider)) ?? (await provider.open(store).catch(whyNotOpen));
    if (typeof opened !== "string") return { executor: opened, passedOver };
    passedOver.push(`${provider.name}: ${opened}`);
  }
  throw noneRuns(passedOver);
}

const whyNot = async (provider: ExecutorProvider): Promise<string | undefined> =>
  (await provider.unavailable()) ?? (await provider.unsuited?.());

function whyNotOpen(error: unknown): string {
  if (error instanceof ExecutorError) return error.message;
  throw error;
}

const noneRuns = (passedOver: readonly string[]): ExecutorError => new ExecutorError(`no executor can run here: ${passedOver.join("; ")}`);
