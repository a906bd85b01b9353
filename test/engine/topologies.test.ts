// Between any two of the 24 arrangements of the bundled model: what comes out equals what comes straight from Hugging Face.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";

const source = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3"));
const memory = "/dev/shm";
const scratch = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "weighbridge-topologies-"));
const engine = createEngine();
after(() => rmSync(scratch, { recursive: true }));

const arrangements = [1, 2, 4].flatMap((tp) =>
  [1, 2, 3, 4].flatMap((pp) => [false, true].map((ropeInterleaved) => ({ tp, pp, ropeInterleaved }))),
);
const nameOf = ({ tp, pp, ropeInterleaved }: (typeof arrangements)[number]) => `tp${tp}-pp${pp}${ropeInterleaved ? "-interleaved" : ""}`;

function contentsOf(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => /\.safetensors$|model_config\.json$|tokenizer/.test(path));
  return new Map(paths.map((path) => [relative(folder, path), readFileSync(path)]));
}

describe("from any topology to any other", () => {
  const direct = new Map<string, Map<string, Buffer>>();
  before(async () => {
    for (const arrangement of arrangements) {
      const folder = join(scratch, nameOf(arrangement));
      await engine.convert(source, folder, { to: "nanotron", ...arrangement, verify: "none" });
      direct.set(nameOf(arrangement), contentsOf(folder));
    }
  });

  for (const from of arrangements) {
    it(`${nameOf(from)}: to the other ${arrangements.length - 1}, byte for byte`, async () => {
      for (const to of arrangements) {
        if (to === from) continue;
        const out = join(scratch, "out");
        await engine.convert(join(scratch, nameOf(from)), out, { to: "nanotron", ...to, verify: "none" });
        const [found, expected] = [contentsOf(out), direct.get(nameOf(to)) ?? new Map<string, Buffer>()];
        expect([...found.keys()].sort(), nameOf(to)).to.deep.equal([...expected.keys()].sort());
        for (const [path, bytes] of expected) expect(found.get(path)?.equals(bytes), `${nameOf(to)} ${path}`).to.equal(true);
        rmSync(out, { recursive: true });
      }
    });
  }
});
