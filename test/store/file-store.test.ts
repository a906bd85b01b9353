import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { StorageError } from "../../core/errors.js";
import { FileStore } from "../../core/store/file-store.js";
import { scratchFolder } from "../helpers/folders.js";

const scratch = scratchFolder("store");
after(scratch.remove);

describe("the store of the file system", () => {
  const opening = async (path: string): Promise<unknown> => new FileStore().open(path).catch((error: unknown) => error);

  it("does not wait for a pipe that nobody writes to", async function () {
    if (process.platform === "win32") this.skip();
    const folder = scratch.fresh();
    mkdirSync(folder);
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const error = await opening(join(folder, "pipe"));
    expect(error).to.be.instanceOf(StorageError);
    expect((error as Error).message).to.match(/^cannot open .*: expected a file, found a pipe or device$/);
  });

  it("opens no folder as a file", async () => {
    const folder = scratch.fresh();
    mkdirSync(folder);
    expect((await opening(folder)) as Error)
      .to.have.property("message")
      .that.matches(/expected a file, found a folder$/);
  });

  it("says in one short line that links go in circles", async () => {
    const folder = scratch.fresh();
    mkdirSync(folder);
    symlinkSync(".", join(folder, "loop"));
    const error = await new FileStore().status(`${folder}${"/loop".repeat(60)}`).catch((thrown: unknown) => thrown);
    expect((error as Error).message)
      .to.match(/^cannot look at \/.*….*loop: too many symbolic links encountered; a link in it leads back to itself; remove the link$/)
      .and.have.lengthOf.below(300);
  });
});
