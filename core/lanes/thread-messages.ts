// What threads and their owner say to each other. Errors are taken apart and put together: their classes do not travel.

import { CancelledError, StorageError, UnsupportedError, WeighbridgeError } from "../errors.js";
import type { Lane } from "./lanes.js";
import type { LaneJob, LaneResult } from "./worker.js";

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

export interface Failure {
  readonly kind: string;
  readonly what: string;
  readonly hint: string | undefined;
  readonly allowable: boolean;
  readonly cause: unknown;
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
  return { kind: error.name, what, hint, allowable, cause: error.cause, stack: error.stack };
}

export function unpacked({ kind, what, hint, allowable, cause, stack }: Failure): Error {
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
