// Things by name: refuses duplicates, and suggests the nearest name for an unknown one.

import { UsageError } from "./errors.js";
import { nearestName } from "./suggest.js";

export class Registry<T> {
  private readonly entries = new Map<string, T>();

  /** @param kind - what the entries are, for messages, e.g. `plugin` */
  constructor(private readonly kind: string) {}

  /** @throws {UsageError} the name is taken */
  add(name: string, entry: T): void {
    if (this.entries.has(name)) throw new UsageError(`${this.kind} ${JSON.stringify(name)} is registered twice`);
    this.entries.set(name, entry);
  }

  /** @throws {UsageError} no entry has the name */
  get(name: string): T {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    const near = nearestName(name, this.entries.keys());
    const hint = near === undefined ? `known: ${[...this.entries.keys()].join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
    throw new UsageError(`no ${this.kind} is called ${JSON.stringify(name)}`, { hint });
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  all(): T[] {
    return [...this.entries.values()];
  }
}
