// Writes a verification's report: looked at before the work, drawn after it, complete in its place or not there at all.

import { UsageError } from "../errors.js";
import { REPORT_START } from "../report/start.js";
import type { Store } from "../store/store.js";
import type { Context } from "./open.js";
import { type VerifyReport, verify } from "./verify.js";
import type { VerifyOptions } from "./verify-options.js";

/** @throws {UsageError | StorageError} the file cannot be written there, or would replace one that is no report */
export async function verifyAndReport(context: Context, a: string, b: string, path: string, options: VerifyOptions): Promise<VerifyReport> {
  const { store } = context;
  await expectWritable(store, path);
  const verification = await verify(context, a, b, { ...options, details: true });
  // Drawing takes libraries that nothing else needs.
  const { renderReport, thisMachine } = await import("../report/report.js");
  const text = renderReport({ verification, request: options, machine: thisMachine() });
  await writeWhole(store, path, Buffer.from(text));
  return verification;
}

const stagingOf = (path: string): string => `${path}.weighbridge-partial-${process.pid}`;

/** A verification may take an hour: what would then stop the report is said before. */
async function expectWritable(store: Store, path: string): Promise<void> {
  const status = await store.status(path);
  if (status?.kind === "folder")
    throw new UsageError(`${path}: expected a file for the report, found a folder`, { hint: "name a file in it" });
  if (status !== undefined && !(await isReport(store, path, status.byteLength))) {
    throw new UsageError(`${path}: expected nothing or an earlier report, found another file`, {
      hint: "remove it or choose another name",
    });
  }
  await writeWhole(store, path, undefined);
}

async function isReport(store: Store, path: string, byteLength: number): Promise<boolean> {
  const start = new Uint8Array(Math.min(byteLength, REPORT_START.length));
  const file = await store.open(path);
  try {
    await file.read(start, 0);
  } finally {
    await file.close();
  }
  return Buffer.from(start).toString("latin1") === REPORT_START;
}

/** @param bytes - undefined to try only whether a file can be made there */
async function writeWhole(store: Store, path: string, bytes: Uint8Array | undefined): Promise<void> {
  const staging = stagingOf(path);
  try {
    const file = await store.create(staging);
    try {
      if (bytes !== undefined) await file.write(bytes, 0);
      if (bytes !== undefined) await file.sync();
    } finally {
      await file.close();
    }
    if (bytes !== undefined) await store.rename(staging, path);
  } finally {
    await store.remove(staging);
  }
}
