// A local store whose reads of chosen files wait until they are let go, so that what happens meanwhile can be tested.

import { FileStore } from "../../core/store/file-store.js";
import type { ReadableFile } from "../../core/store/store.js";

export class HeldStore extends FileStore {
  private readonly held = new Map<string, { readonly gate: Promise<void>; readonly open: () => void }>();
  /** Buffers that held reads will fill. */
  readonly waiting: Uint8Array[] = [];

  /** From now on reads of the file wait. */
  hold(path: string): void {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.held.set(path, { gate, open });
  }

  letGo(path: string): void {
    this.held.get(path)?.open();
    this.held.delete(path);
  }

  override async open(path: string): Promise<ReadableFile> {
    const file = await super.open(path);
    const read = async (buffer: Uint8Array, position: number) => {
      const gate = this.held.get(path)?.gate;
      if (gate !== undefined) this.waiting.push(buffer);
      await gate;
      await file.read(buffer, position);
    };
    return { byteLength: file.byteLength, read, close: () => file.close() };
  }
}
