// The engine inside a program: progress as it comes, and a conversion that the program stops midway. A stopped conversion
// throws CancelledError and leaves nothing on the disk.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CancelledError, createEngine, type Progress } from "../../core/index.js"; // yours: from "weighbridge"

const model = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3"));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-example-02-"));
const engine = createEngine();

/** One line for each quarter of each stage: `onProgress` is called after every window, far more often. */
function quarters(): (progress: Progress) => void {
  let last = "";
  return ({ stage, bytes, totalBytes }) => {
    const quarter = Math.floor((4 * bytes) / totalBytes);
    const line = `${stage} ${25 * quarter}%`;
    if (quarter === 0 || line === last) return;
    last = line;
    console.log(line);
  };
}

try {
  await engine.convert(model, join(scratch, "whole"), { to: "nanotron", tp: 2, onProgress: quarters() });
  console.log(`on the disk: ${readdirSync(scratch).join(", ")}`);

  // Stopped by the program itself. Ctrl-C is the same: `process.once("SIGINT", () => abort.abort())`.
  const abort = new AbortController();
  const stopHalfway = ({ bytes, totalBytes }: Progress) => {
    if (bytes >= totalBytes / 2) abort.abort();
  };
  try {
    await engine.convert(model, join(scratch, "stopped"), { to: "nanotron", tp: 2, signal: abort.signal, onProgress: stopHalfway });
    process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    console.log(`${error.name} ${error.code}: ${error.message}`);
  }
  console.log(`on the disk: ${readdirSync(scratch).join(", ")}`);
} finally {
  rmSync(scratch, { recursive: true });
}
