// Who hears what happens during a long call. The command line draws it; a program may listen too.

/** How far a long step is; bytes are those of the weights copied, compared, hashed, run through, or gone through for a fault. */
export interface Progress {
  readonly stage: "copy" | "compare" | "hash" | "predict" | "diagnose";
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface Reporter {
  /** Called often, always from the same call's thread of events; it must return at once. */
  progress(progress: Progress): void;
  /** Something a person should know, though the call goes on. One line. */
  warning(message: string): void;
}

export const silentReporter: Reporter = { progress: () => undefined, warning: () => undefined };
