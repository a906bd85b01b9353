// Which lanes of a conversion are on the disk already, so that a run that was killed continues where it was. The journal belongs to
// one plan, one state of the source, and one start of the machine: what a power failure may have taken is not relied on.

import { uptime } from "node:os";
import { type JsonObject, parseObject, plain } from "../format/json.js";
import type { Store, WritableFile } from "../store/store.js";
import { readText } from "../store/text.js";

const FORMAT = 1;
/** A machine's start is computed from its clock, which may be put right in between. */
const START_TOLERANCE_S = 60;

export class Journal {
  private position: number;

  private constructor(
    private readonly file: WritableFile,
    /** Bytes of each lane that is done. */
    private readonly lanes: Map<number, number>,
    text: string,
  ) {
    this.position = Buffer.byteLength(text);
  }

  /** @returns the journal of an earlier run of this very conversion, or undefined if there is none to rely on */
  static async resume(store: Store, path: string, identity: string): Promise<Journal | undefined> {
    if ((await store.status(path)) === undefined) return undefined;
    const text = await readText(store, path);
    const [head = "", ...lines] = text.split("\n");
    if (!isOf(head, identity)) return undefined;
    // The last line may have been cut off, and one before it may be a hole: only whole ones count.
    const lanes = new Map<number, number>();
    for (const line of lines.slice(0, -1)) {
      const [, lane, bytes] = /^(\d+) (\d+) \.$/.exec(line) ?? [];
      if (lane !== undefined) lanes.set(Number(lane), Number(bytes));
    }
    const file = await store.update(path);
    const journal = new Journal(file, lanes, text);
    await journal.append("\n");
    return journal;
  }

  static async start(store: Store, path: string, identity: string): Promise<Journal> {
    const head = `${JSON.stringify({ format: FORMAT, identity, startedAt: machineStart() })}\n`;
    const file = await store.create(path);
    const journal = new Journal(file, new Map(), "");
    await journal.append(head);
    return journal;
  }

  get done(): ReadonlySet<number> {
    return new Set(this.lanes.keys());
  }

  get bytes(): number {
    return [...this.lanes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  record(lane: number, bytes: number): Promise<void> {
    this.lanes.set(lane, bytes);
    return this.append(`${lane} ${bytes} .\n`);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** Several may be under way: each has its place before it waits. */
  private append(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(line);
    const position = this.position;
    this.position += bytes.byteLength;
    return this.file.write(bytes, position);
  }
}

const machineStart = (): number => Math.round(Date.now() / 1000 - uptime());

function isOf(head: string, identity: string): boolean {
  try {
    const found = plain(parseObject(head, "journal")) as JsonObject;
    const drift = Math.abs(Number(found.startedAt) - machineStart());
    return found.format === FORMAT && found.identity === identity && drift <= START_TOLERANCE_S;
  } catch {
    return false;
  }
}
