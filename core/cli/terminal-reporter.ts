// Draws progress on a terminal, says it in plain lines elsewhere, and prints warnings. All on stderr.

import { SingleBar } from "cli-progress";
import type { Progress, Reporter } from "../reporter.js";
import { formatBytes } from "./output.js";

/** Without a terminal a line at most this often. */
const LINE_INTERVAL_MS = 10_000;

const LABELS: Record<Progress["stage"], string> = {
  copy: "writing  ",
  compare: "comparing",
  hash: "hashing  ",
  predict: "predicting",
  diagnose: "diagnosing",
};

export class TerminalReporter implements Reporter {
  private stage: Progress["stage"] | undefined;
  private startedAt = 0;
  private saidAt = 0;
  private bar: SingleBar | undefined;

  /** @param isQuiet - no progress; warnings are printed all the same */
  constructor(private readonly isQuiet: boolean) {}

  progress(progress: Progress): void {
    if (this.isQuiet || progress.totalBytes === 0) return;
    if (progress.stage !== this.stage) this.begin(progress);
    const figures = this.figures(progress);
    if (this.bar !== undefined) this.bar.update(progress.bytes, { figures });
    else this.say(progress, figures);
    if (progress.bytes >= progress.totalBytes) this.stop();
  }

  warning(message: string): void {
    this.stop();
    process.stderr.write(`weighbridge: warning: ${message}\n`);
  }

  /** Ends a bar that is being drawn, so that other lines can follow. */
  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private begin({ stage, totalBytes }: Progress): void {
    this.stop();
    this.stage = stage;
    this.startedAt = this.saidAt = Date.now();
    if (!process.stderr.isTTY) return;
    const format = `${LABELS[stage]} {bar} {percentage}%  {figures}`;
    this.bar = new SingleBar({
      format,
      stream: process.stderr,
      barsize: 30,
      hideCursor: true,
      barCompleteChar: "█",
      barIncompleteChar: "░",
    });
    this.bar.start(totalBytes, 0, { figures: "" });
  }

  private figures({ bytes, totalBytes }: Progress): string {
    const seconds = (Date.now() - this.startedAt) / 1000;
    if (seconds < 0.5) return formatBytes(totalBytes);
    const rate = bytes / seconds;
    return `${formatBytes(bytes)} of ${formatBytes(totalBytes)}, ${formatBytes(Math.round(rate))}/s, ${Math.ceil((totalBytes - bytes) / rate)} s left`;
  }

  private say({ stage, bytes, totalBytes }: Progress, figures: string): void {
    if (Date.now() - this.saidAt < LINE_INTERVAL_MS) return;
    this.saidAt = Date.now();
    process.stderr.write(`weighbridge: ${LABELS[stage].trim()}: ${Math.floor((100 * bytes) / totalBytes)} %, ${figures}\n`);
  }
}
