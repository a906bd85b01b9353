// A program of its own: converts, and kills itself with SIGKILL at the n-th change that it makes to the disk, before it or after it.
//
//   node dying-convert.js SOURCE DESTINATION OPTIONS-AS-JSON N before|after

import { createEngine } from "../../core/index.js";
import { FileStore } from "../../core/store/file-store.js";
import type { WritableFile } from "../../core/store/store.js";

const [source = "", destination = "", options = "{}", n = "-1", when = "before"] = process.argv.slice(2);
let changes = 0;

async function change<T>(action: () => Promise<T>): Promise<T> {
  const isLast = changes++ === Number(n);
  if (isLast && when === "before") process.kill(process.pid, "SIGKILL");
  const result = await action();
  if (isLast) process.kill(process.pid, "SIGKILL");
  return result;
}

const mortal = (file: WritableFile): WritableFile => ({
  write: (buffer, position) => change(() => file.write(buffer, position)),
  sync: () => change(() => file.sync()),
  close: () => file.close(),
});

class MortalStore extends FileStore {
  override create = async (path: string) => mortal(await change(() => super.create(path)));
  override update = async (path: string) => mortal(await super.update(path));
  override rename = (from: string, to: string) => change(() => super.rename(from, to));
  override remove = (path: string) => change(() => super.remove(path));
}

await createEngine({ store: new MortalStore() }).convert(source, destination, JSON.parse(options));
console.log(changes);
