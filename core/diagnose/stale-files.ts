// F22: files of another topology in a Nanotron folder. Its loader merges them into the model, so Weighbridge opens no such folder.

import { parseFileName } from "../layout/nanotron/file-name.js";
import type { Store } from "../store/store.js";

/** A topology that files of a folder say they are of. */
export interface FoundTopology {
  readonly name: string;
  /** Paths of its files. */
  readonly files: readonly string[];
}

/** @returns the topologies that a folder's file names tell of, the one of most files first; none for other folders */
export async function topologiesIn(store: Store, root: string): Promise<FoundTopology[]> {
  const found = new Map<string, string[]>();
  const walk = async (folders: readonly string[]): Promise<void> => {
    const path = [root, ...folders].join("/");
    for (const name of await store.list(path)) {
      const rank = parseFileName(folders.slice(1), name)?.rank;
      if (rank !== undefined) {
        const topology = `TP ${rank.tpSize}, PP ${rank.ppSize}`;
        found.set(topology, [...(found.get(topology) ?? []), `${path}/${name}`]);
      } else if ((await store.status(`${path}/${name}`))?.kind === "folder") await walk([...folders, name]);
    }
  };
  if ((await store.status(`${root}/model`))?.kind === "folder") await walk(["model"]);
  return [...found].map(([name, files]) => ({ name, files })).sort((a, b) => b.files.length - a.files.length);
}

/** A store in whose folders some files are not to be seen. */
export const hiding = (store: Store, paths: ReadonlySet<string>): Store =>
  new Proxy(store, {
    get: (target, key: keyof Store) => {
      if (key === "list") return async (path: string) => (await target.list(path)).filter((name) => !paths.has(`${path}/${name}`));
      const member = target[key];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
