// Which lane comes next: one whose target file the fewest workers write to, because a file system lets one write to a file at a time.

import type { Lane } from "./lanes.js";

export class Schedule {
  /** Lanes to come by their first target file, in order. */
  private readonly waiting = new Map<number, Lane[]>();
  private readonly writers = new Map<number, number>();

  constructor(lanes: readonly Lane[]) {
    for (const lane of [...lanes].reverse()) {
      const file = fileOf(lane);
      const queue = this.waiting.get(file);
      if (queue === undefined) this.waiting.set(file, [lane]);
      else queue.push(lane);
    }
  }

  take(): Lane | undefined {
    let best: number | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const file of this.waiting.keys()) {
      const writers = this.writers.get(file) ?? 0;
      if (writers >= fewest) continue;
      [best, fewest] = [file, writers];
      if (writers === 0) break;
    }
    if (best === undefined) return undefined;
    const queue = this.waiting.get(best);
    const lane = queue?.pop();
    if (queue?.length === 0) this.waiting.delete(best);
    this.writers.set(best, fewest + 1);
    return lane;
  }

  finish(lane: Lane): void {
    const file = fileOf(lane);
    this.writers.set(file, (this.writers.get(file) ?? 1) - 1);
  }
}

const fileOf = ({ members }: Lane): number => members[0]?.target.file ?? 0;
