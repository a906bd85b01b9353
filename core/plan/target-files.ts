// The files that a run writes: each created with its header when its first lane starts, and closed when its last one is done.

import type { Store, WritableFile } from "../store/store.js";
import type { Lane } from "./lanes.js";

/** A file to be created: where, and the bytes before its first tensor. */
export interface RunTarget {
  readonly path: string;
  readonly header: Uint8Array;
}

export const targetsOf = ({ members }: Lane): number[] => [...new Set(members.map(({ target }) => target.file))];

export class TargetFiles {
  private readonly open = new Map<number, Promise<WritableFile>>();
  private readonly lanesLeft: number[];

  constructor(
    private readonly store: Store,
    private readonly targets: readonly RunTarget[],
    lanes: readonly Lane[],
  ) {
    this.lanesLeft = targets.map(() => 0);
    for (const lane of lanes) for (const file of targetsOf(lane)) this.lanesLeft[file] = (this.lanesLeft[file] ?? 0) + 1;
  }

  /** Files that no lane writes: headers alone. */
  async createEmpty(): Promise<void> {
    for (const [file, lanes] of this.lanesLeft.entries()) {
      if (lanes > 0) continue;
      await this.file(file);
      await this.close(file);
    }
  }

  /** @throws {StorageError} it cannot be created */
  file(file: number): Promise<WritableFile> {
    const found = this.open.get(file);
    if (found !== undefined) return found;
    const created = this.create(file);
    this.open.set(file, created);
    return created;
  }

  /** Call once a lane is done. */
  async finish(lane: Lane): Promise<void> {
    for (const file of targetsOf(lane)) {
      const left = (this.lanesLeft[file] ?? 0) - 1;
      this.lanesLeft[file] = left;
      if (left === 0) await this.close(file);
    }
  }

  /** Close what is still open after a failure; what fails then is of no interest. */
  async abandon(): Promise<void> {
    await Promise.allSettled([...this.open.keys()].map((file) => this.close(file)));
  }

  private async create(file: number): Promise<WritableFile> {
    const { path, header } = this.targets[file] as RunTarget;
    const created = await this.store.create(path);
    try {
      await created.write(header, 0);
      return created;
    } catch (error) {
      await created.close();
      throw error;
    }
  }

  private async close(file: number): Promise<void> {
    const opened = this.open.get(file);
    this.open.delete(file);
    await (await opened)?.close();
  }
}
