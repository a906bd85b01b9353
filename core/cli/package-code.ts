// The code of a plugin package, which runs because the user named the package, and for no other reason.

import { pathToFileURL } from "node:url";
import type { PluginPackage } from "../architecture/packages.js";
import { UsageError } from "../errors.js";
import type { FamilyForwards } from "../forward/forward.js";

/** @throws {UsageError} the package's code does not run, or gives no forwards */
export async function forwardsOf({ name, forwards }: PluginPackage): Promise<Readonly<Record<string, FamilyForwards>>> {
  if (forwards === undefined) return {};
  try {
    const loaded: { readonly forwards?: unknown } = await import(pathToFileURL(forwards).href);
    if (typeof loaded.forwards === "object" && loaded.forwards !== null) return loaded.forwards as Record<string, FamilyForwards>;
  } catch (cause) {
    throw new UsageError(`${name}: its forwards do not load: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  throw new UsageError(`${name}: ${forwards}: expected an export called forwards, by family and layout`);
}
