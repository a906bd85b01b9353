import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { load } from "js-yaml";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";

const fixture = (name: string) => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-test-"));
const engine = createEngine();
let made = 0;
const fresh = () => join(scratch, String(made++));

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

const weightFiles = (folder: string) =>
  walk(folder)
    .filter((path) => path.endsWith(".safetensors"))
    .map((path) => relative(folder, path))
    .sort();

/** Tensor bytes by file and name, read with nothing of the code under test. */
function tensorsOf(folder: string): Map<string, Buffer> {
  const tensors = new Map<string, Buffer>();
  for (const file of weightFiles(folder)) {
    const bytes = readFileSync(join(folder, file));
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    for (const [name, entry] of Object.entries(
      JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, { data_offsets: [number, number] }>,
    )) {
      if (name !== "__metadata__")
        tensors.set(
          `${file.includes("model/") ? file : ""}:${name}`,
          bytes.subarray(start + entry.data_offsets[0], start + entry.data_offsets[1]),
        );
    }
  }
  return tensors;
}

function expectSameTensors(found: string, expected: string): void {
  const [a, b] = [tensorsOf(found), tensorsOf(expected)];
  expect([...a.keys()].sort()).to.deep.equal([...b.keys()].sort());
  for (const [key, bytes] of b) expect(a.get(key)?.equals(bytes), key).to.equal(true);
}

const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));

after(() => rmSync(scratch, { recursive: true }));

describe("convert to Nanotron: what Nanotron itself wrote", () => {
  for (const [source, golden, tp] of [
    ["tiny-llama3", "golden/nanotron-tp1", 1],
    ["tiny-llama3", "golden/nanotron-tp2", 2],
    ["golden/tied-huggingface", "golden/tied-nanotron", 1],
  ] as const) {
    it(`${golden}: tensors byte for byte, documents field for field`, async () => {
      const out = fresh();
      await engine.convert(fixture(source), out, { to: "nanotron", tp, nanotronVersion: "1.5", nanotronRoot: "/mnt/model" });
      expectSameTensors(out, fixture(golden));
      expect(json(out, "model_config.json")).to.deep.equal(json(fixture(golden), "model_config.json"));
      expect(json(out, "checkpoint_metadata.json")).to.deep.equal(json(fixture(golden), "checkpoint_metadata.json"));
      const expected = load(readFileSync(join(fixture(golden), "config.yaml"), "utf8")) as Record<string, Record<string, unknown>>;
      const found = load(readFileSync(join(out, "config.yaml"), "utf8")) as Record<string, Record<string, unknown>>;
      (expected.general as Record<string, unknown>).run = "Weighbridge";
      (expected.model as Record<string, unknown>).init_method = { path: "/mnt/model" };
      (expected.tokenizer as Record<string, unknown>).tokenizer_name_or_path = "/mnt/model";
      expect(found).to.deep.equal(expected);
    });
  }

  it("names each rank's rows as Nanotron does, in plain integers", async () => {
    const out = fresh();
    await engine.convert(fixture("tiny-llama3"), out, { to: "nanotron", tp: 2, nanotronVersion: "1.5" });
    const metadata = (folder: string, file: string) => {
      const bytes = readFileSync(join(folder, file));
      return JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0)))).__metadata__;
    };
    for (const file of weightFiles(fixture("golden/nanotron-tp2"))) {
      const expected = metadata(fixture("golden/nanotron-tp2"), file);
      if (expected.unsharded_shape !== undefined) expected.unsharded_shape = expected.unsharded_shape.replace(/np\.int64\((\d+)\)/, "$1");
      expect(metadata(out, file), file).to.deep.equal(expected);
    }
  });
});

describe("convert and back", () => {
  for (const tp of [1, 2, 4])
    for (const pp of [1, 2, 3, 4])
      for (const ropeInterleaved of [false, true]) {
        it(`tp ${tp}, pp ${pp}, ${ropeInterleaved ? "interleaved" : "half-split"}: equals the source`, async () => {
          const [there, back] = [fresh(), fresh()];
          await engine.convert(fixture("tiny-llama3"), there, { to: "nanotron", tp, pp, ropeInterleaved, verify: "parameters" });
          await engine.convert(there, back, { to: "huggingface", maxShardBytes: 1e6, verify: "parameters" });
          const source = fixture("tiny-llama3");
          for (const name of readdirSync(source).filter((file) => file !== "config.json")) {
            expect(readFileSync(join(back, name)).equals(readFileSync(join(source, name))), name).to.equal(true);
          }
          expect(json(back, "config.json")).to.deep.include(json(source, "config.json"));
          expect(json(back, "config.json")).to.deep.include({ rope_theta: 500000, rope_scaling: null, torch_dtype: "bfloat16" });
        });
      }

  it("reads what Nanotron wrote, and changes topology in between", async () => {
    const [other, back] = [fresh(), fresh()];
    await engine.convert(fixture("golden/nanotron-tp2"), other, { to: "nanotron", tp: 4, pp: 2, ropeInterleaved: true });
    await engine.convert(other, back, { to: "huggingface" });
    expectSameTensors(back, fixture("tiny-llama3"));
  });
});

describe("convert refuses", () => {
  const refused: [string, string, object, string][] = [
    ["a path that does not exist", "/no/such/folder", { to: "nanotron" }, "no such folder"],
    ["a folder that is no checkpoint", fixture("golden"), { to: "nanotron" }, "no checkpoint"],
    ["a TP that does not divide the heads", fixture("tiny-llama3"), { to: "nanotron", tp: 3 }, "the nearest TP that does is 2"],
    ["an unknown plugin", fixture("tiny-llama3"), { to: "nanotron", plugin: "lama" }, 'did you mean "llama"?'],
  ];
  for (const [what, source, options, message] of refused) {
    it(what, async () => {
      const out = fresh();
      const error = await engine.convert(source, out, options as never).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error?.message).to.include(message);
      expect(existsSync(out)).to.equal(false);
    });
  }
});
