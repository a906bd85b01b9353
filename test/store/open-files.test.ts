import { expect } from "chai";
import { describe, it } from "mocha";
import { FileStore } from "../../core/store/file-store.js";
import { OpenFiles } from "../../core/store/open-files.js";
import type { ReadableFile } from "../../core/store/store.js";
import { WeightFiles } from "../helpers/weight-files.js";

/** Counts what is open, and refuses to read what was closed. */
class CountingStore extends FileStore {
  numOpen = 0;

  override async open(path: string): Promise<ReadableFile> {
    const file = await super.open(path);
    let isOpen = true;
    this.numOpen++;
    return {
      byteLength: file.byteLength,
      read: (buffer, position) => (isOpen ? file.read(buffer, position) : Promise.reject(new Error(`${path} was closed`))),
      close: async () => {
        expect(isOpen, `${path} closed twice`).to.equal(true);
        isOpen = false;
        this.numOpen--;
        await file.close();
      },
    };
  }
}

describe("open files of weights", () => {
  it("stay few, are never closed under a read, and are all closed at the end", async () => {
    const [store, written] = [new CountingStore(), new WeightFiles()];
    const files = new OpenFiles(store, 16);
    const weights = Array.from({ length: 40 }, (_, i) => written.write(Float64Array.of(i), "F32", [1]));
    const read = async (index: number) => {
      const { file, byteOffset } = weights[index % 40] as (typeof weights)[0];
      const bytes = Buffer.alloc(4);
      await files.read(file, bytes, byteOffset);
      expect(bytes.readFloatLE()).to.equal(index % 40);
    };
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 60 }, (_, i) => read(i * 7 + round)));
    expect(store.numOpen).to.be.within(1, 16);
    const last = read(0);
    await files.close();
    await last;
    expect(store.numOpen).to.equal(0);
    written.remove();
  });
});
