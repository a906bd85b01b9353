// Which executors there are, and what each would run on here.

import { bestExecutor } from "../executor/choose.js";
import type { Context } from "./open.js";

export interface DeviceReport {
  readonly executor: string;
  /** Null where it cannot run. */
  readonly device: string | null;
  /** Why it cannot run, or why `auto` rather takes another one, and what would help. */
  readonly reason: string | null;
  /** Whether `auto` takes this one. */
  readonly auto: boolean;
}

export async function devices({ executors }: Context): Promise<DeviceReport[]> {
  const { name } = await bestExecutor(executors);
  const reports: DeviceReport[] = [];
  for (const provider of executors.all()) {
    const unavailable = await provider.unavailable();
    const reason = unavailable ?? (await provider.unsuited?.()) ?? null;
    const device = unavailable === undefined ? ((await provider.device?.()) ?? null) : null;
    reports.push({ executor: provider.name, device, reason, auto: provider.name === name });
  }
  return reports;
}
