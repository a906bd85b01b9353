// The closed set of errors a caller can meet. Each has a stable `code`, and a message of one line:
// what, where, expected, found, what to do. The command line turns them into exit codes.

/** Base of every error Weighbridge throws on purpose. `hint` says what to do about it. */
export abstract class WeighbridgeError extends Error {
  abstract readonly code: string;
  readonly hint: string | undefined;
  /** JSON pointer of the setting at fault, under its Hugging Face name: `/rope_scaling`. None where no single one is. */
  readonly pointer: string | undefined;

  constructor(what: string, options: { hint?: string; cause?: unknown; pointer?: string | undefined } = {}) {
    const { hint, cause, pointer } = options;
    super(hint === undefined ? what : `${what}; ${hint}`, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.hint = hint;
    this.pointer = pointer;
  }
}

/** The request itself cannot be right: a path that does not exist, an unknown name, a bad option. Exit code 2. */
export class UsageError extends WeighbridgeError {
  readonly code = "USAGE";
}

/** A file's bytes break the rules of its format. Nothing of the file was trusted. */
export class FormatError extends WeighbridgeError {
  readonly code = "FORMAT";
}

/** A folder is no checkpoint, or lacks, doubles or contradicts parts of one. */
export class CheckpointError extends WeighbridgeError {
  readonly code = "CHECKPOINT";
}

/** A tensor's shape or dtype is not what the architecture says. */
export class ShapeMismatchError extends WeighbridgeError {
  readonly code = "SHAPE_MISMATCH";
  constructor(
    readonly tensor: string,
    readonly expected: string,
    readonly found: string,
    options: { where?: string; hint?: string } = {},
  ) {
    const where = options.where === undefined ? "" : ` in ${options.where}`;
    super(`${tensor}${where}: expected ${expected}, found ${found}`, options);
  }
}

/** One thing wrong in a plugin's declaration. `line` counts from 1; `pointer` is a JSON pointer. */
export interface DeclarationProblem {
  readonly file: string;
  readonly line: number;
  readonly pointer: string;
  readonly message: string;
}

/** A plugin's declaration is wrong; every problem found is in `problems`. */
export class DeclarationError extends WeighbridgeError {
  readonly code = "DECLARATION";
  constructor(readonly problems: readonly DeclarationProblem[]) {
    super(problems.map(({ file, line, pointer, message }) => `${file}:${line} ${pointer || "/"}: ${message}`).join("\n"));
  }
}

/** The target cannot hold this model, or not with the same meaning. `allowable`: `--allow-semantic-loss` would go on. */
export class UnsupportedError extends WeighbridgeError {
  readonly code = "UNSUPPORTED";
  constructor(
    what: string,
    readonly allowable: boolean,
    options: { hint?: string; pointer?: string | undefined } = {},
  ) {
    super(what, options);
  }
}

export type PlanFault =
  | "PLAN_GAP"
  | "PLAN_OVERLAP"
  | "PLAN_SOURCE_UNUSED"
  | "PLAN_SOURCE_REUSED"
  | "PLAN_OUT_OF_RANGE"
  | "PLAN_MISPLACED"
  | "PLAN_WRONG_TENSOR"
  | "PLAN_MALFORMED";

/** A copy plan failed its proof. It is a fault of a layout or plugin, never of the user's files. */
export class PlanError extends WeighbridgeError {
  constructor(
    readonly code: PlanFault,
    what: string,
  ) {
    super(what);
  }
}

/** Reading or writing failed: no space, no permission, a file that changed or vanished. */
export class StorageError extends WeighbridgeError {
  readonly code = "STORAGE";
}

/** An executor cannot run here, or failed while running: no device, out of its memory, a tensor used after its release. */
export class ExecutorError extends WeighbridgeError {
  readonly code = "EXECUTOR";
}

/** The caller's AbortSignal fired. Nothing was published. */
export class CancelledError extends WeighbridgeError {
  readonly code = "CANCELLED";
}
