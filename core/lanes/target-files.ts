// The files that a run writes: each created with its header when its first lane starts, and complete when its last one is done.
// None is kept open: lanes of 64 ranks are under way in hundreds of them, and whoever writes a lane opens its own.

import { StorageError } from "../errors.js";
import type { Store } from "../store/store.js";
import type { Lane } from "./lanes.js";

/** A file to be created: where, and the bytes before its first tensor. */
export interface RunTarget {
  readonly path: string;
  readonly header: Uint8Array;
}

export interface TargetOptions {
  /** Files that an earlier run has written lanes of; undefined when there was none. */
  readonly started: ReadonlySet<number> | undefined;
  /** Complete files are to survive a power failure. */
  readonly syncs: boolean;
}

export const targetsOf = ({ members }: Lane): number[] => [...new Set(members.map(({ target }) => target.file))];

export class TargetFiles {
  private readonly created = new Map<number, Promise<void>>();
  private readonly lanesLeft: number[];

  /** @param lanes - those still to be carried */
  constructor(
    private readonly store: Store,
    private readonly targets: readonly RunTarget[],
    lanes: readonly Lane[],
    private readonly options: TargetOptions,
  ) {
    this.lanesLeft = targets.map(() => 0);
    for (const lane of lanes) for (const file of targetsOf(lane)) this.lanesLeft[file] = (this.lanesLeft[file] ?? 0) + 1;
  }

  /** Files that no lane will write: there already, or headers alone. */
  async completeOthers(): Promise<void> {
    for (const [file, lanes] of this.lanesLeft.entries()) {
      if (lanes > 0) continue;
      await this.file(file);
      await this.complete(file);
    }
  }

  /** Call before a lane is written. @throws {StorageError} a file cannot be created */
  async begin(lane: Lane): Promise<void> {
    for (const file of targetsOf(lane)) await this.file(file);
  }

  private file(file: number): Promise<void> {
    const found = this.created.get(file);
    if (found !== undefined) return found;
    const created = this.create(file);
    this.created.set(file, created);
    return created;
  }

  /** Call once a lane is done. */
  async finish(lane: Lane): Promise<void> {
    for (const file of targetsOf(lane)) {
      const left = (this.lanesLeft[file] ?? 0) - 1;
      this.lanesLeft[file] = left;
      if (left === 0) await this.complete(file);
    }
  }

  private async create(file: number): Promise<void> {
    const { path, header } = this.targets[file] as RunTarget;
    const { started } = this.options;
    const isThere = started !== undefined && (await this.store.status(path)) !== undefined;
    if (started?.has(file) === true && !isThere) {
      throw new StorageError(`${path}: expected a file of an interrupted conversion, found none`, {
        hint: "remove its folder and start again",
      });
    }
    const created = isThere ? await this.store.update(path) : await this.store.create(path);
    try {
      await created.write(header, 0);
    } finally {
      await created.close();
    }
  }

  private async complete(file: number): Promise<void> {
    if (!this.options.syncs) return;
    const written = await this.store.update((this.targets[file] as RunTarget).path);
    try {
      await written.sync();
    } finally {
      await written.close();
    }
  }
}
