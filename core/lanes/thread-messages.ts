// What threads and their owner say to each other. Errors are taken apart and put together: their classes do not travel.

import { CancelledError, StorageError, UnsupportedError, WeighbridgeError } from "../errors.js";
import type { LaneJob, LaneResult } from "./job.js";
import type { Lane } from "./lanes.js";

export interface ThreadSetup {
  /** Shared; not 0 when work is to end. */
  readonly cancelled: Int32Array;
}

export type Order =
  | { readonly kind: "begin"; readonly job: LaneJob }
  | { readonly kind: "work"; readonly lane: Lane; readonly where: string }
  | { readonly kind: "close" };

export interface NumberedOrder {
  readonly number: number;
  readonly order: Order;
}

/** An error of the system's, as far as programs ask for it. */
type SystemCause = { readonly message: string } & { readonly [key in "stack" | "code" | "errno" | "syscall" | "path"]: unknown };

export interface Failure {
  readonly kind: string;
  readonly what: string;
  readonly hint: string | undefined;
  readonly allowable: boolean;
  readonly cause: SystemCause | undefined;
  readonly stack: string | undefined;
}

export type Answer =
  | { readonly number: number; readonly result: LaneResult; readonly failure?: undefined }
  | { readonly number: number; readonly failure: Failure };

export function packed(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const hint = error instanceof WeighbridgeError ? error.hint : undefined;
  const what = hint === undefined ? error.message : error.message.slice(0, -`; ${hint}`.length);
  const allowable = error instanceof UnsupportedError && error.allowable;
  return { kind: error.name, what, hint, allowable, cause: packedCause(error.cause), stack: error.stack };
}

/** What the system said: its code does not travel with an error. */
function packedCause(cause: unknown): Failure["cause"] {
  if (!(cause instanceof Error)) return undefined;
  const { message, stack, code, errno, syscall, path } = cause as NodeJS.ErrnoException;
  return { message, stack, code, errno, syscall, path };
}

export function unpacked({ kind, what, hint, allowable, cause: said, stack }: Failure): Error {
  const cause = said === undefined ? undefined : Object.assign(new Error(said.message), said);
  const options = { cause, ...(hint === undefined ? {} : { hint }) };
  switch (kind) {
    case StorageError.name:
      return new StorageError(what, options);
    case UnsupportedError.name:
      return new UnsupportedError(what, allowable, options);
    case CancelledError.name:
      return new CancelledError(what, options);
    default:
      return Object.assign(new Error(what), { stack });
  }
}
