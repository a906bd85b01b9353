import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { describe, it } from "mocha";
import { FormatError } from "../../core/errors.js";
import { encodeHeader, parseHeader, parsePrefix } from "../../core/format/safetensors.js";

const SHARD = fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3/model-00003-of-00003.safetensors"));

const parseText = (json: string, dataBytes: number) => parseHeader(new TextEncoder().encode(json), 8 + json.length + dataBytes, "f");

describe("safetensors codec", () => {
  it("reads a shard that transformers wrote", () => {
    const bytes = readFileSync(SHARD);
    const length = parsePrefix(bytes.subarray(0, 8), bytes.length, SHARD);
    const header = parseHeader(bytes.subarray(8, 8 + length), statSync(SHARD).size, SHARD);
    expect(header.metadata).to.deep.equal({ format: "pt" });
    expect(header.tensors).to.deep.equal([{ name: "lm_head.weight", dtype: "BF16", shape: [1024, 128], byteStart: 120, byteEnd: 262264 }]);
  });

  it("writes the header that transformers wrote, byte for byte", () => {
    const { bytes, fileByteLength } = encodeHeader([{ name: "lm_head.weight", dtype: "BF16", shape: [1024, 128] }], { format: "pt" });
    expect(Buffer.from(bytes).equals(readFileSync(SHARD).subarray(0, bytes.length))).to.equal(true);
    expect(fileByteLength).to.equal(262264);
  });

  const hostile: [string, string, number][] = [
    ["a hole", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2],
    ["an overlap", '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', 3],
    ["trailing bytes", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 2],
    ["truncated data", '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 2],
    ["a shape that does not fit its range", '{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,2]}}', 2],
    ["an unknown dtype", '{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,1]}}', 1],
    ["a negative size", '{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1],
    ["an overflowing shape", '{"a":{"dtype":"F64","shape":[9007199254740991,9007199254740991],"data_offsets":[0,1]}}', 1],
    [
      "a tensor that appears twice",
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      2,
    ],
    [
      "a tensor that appears twice, alike",
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "\\u0061" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      1,
    ],
    ["a key that appears twice, alike", '{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1],
    ["a size of 1.0", '{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1],
    ["a size of 1e0", '{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1],
    ["an offset of -0", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[-0,1]}}', 1],
    ["metadata that is no text", '{"__metadata__":{"format":1},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1],
    ["an array", "[]", 0],
  ];
  for (const [what, json, dataBytes] of hostile) {
    it(`refuses ${what}`, () => expect(() => parseText(json, dataBytes)).to.throw(FormatError));
  }

  it("takes strings that look like keys, and equal keys of different objects", () => {
    const json = '{"__metadata__":{"a":"\\":","b":"a\\\\"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    expect(parseText(json, 1).tensors.map(({ name }) => name)).to.deep.equal(["a"]);
  });

  it("refuses a header longer than the file", () => {
    const prefix = new Uint8Array(8);
    new DataView(prefix.buffer).setBigUint64(0, 100n, true);
    expect(() => parsePrefix(prefix, 50, "f")).to.throw(FormatError, "truncated");
  });

  it("names what is wrong in a length that a person can read", () => {
    const refuse = () => parseText(`{"${"x".repeat(1_000_000)}":1}`, 0);
    expect(refuse).to.throw(FormatError, /^f: tensor "x{200}…": expected an object$/);
  });
});

/** The npm package of that name: an independent reader of whole files, for those without metadata. */
interface IndependentReader {
  readonly metadata: ReadonlyMap<string, { dtype: string; shape: number[]; data_offsets: [start: number, end: number] }>;
  getTensor(name: string): Uint8Array;
}
const { SafeTensor } = createRequire(import.meta.url)("safetensors") as { SafeTensor: new (bytes: Uint8Array) => IndependentReader };

describe("the npm package safetensors", () => {
  const specs = [
    { name: "model.norm.weight", dtype: "F32", shape: [3] },
    { name: "wörter/7", dtype: "BF16", shape: [2, 5] },
    { name: "empty", dtype: "I64", shape: [0, 4] },
    { name: "flag", dtype: "BOOL", shape: [] },
  ] as const;

  it("reads what we write, every tensor where we put it", () => {
    const { bytes, tensors, fileByteLength } = encodeHeader(specs, undefined);
    const file = new Uint8Array(fileByteLength).map((_, at) => (at < bytes.length ? (bytes[at] ?? 0) : at % 251));
    const reader = new SafeTensor(file);
    expect([...reader.metadata.keys()]).to.deep.equal(specs.map(({ name }) => name));
    for (const { name, dtype, shape, byteStart, byteEnd } of tensors) {
      expect(reader.metadata.get(name)).to.deep.equal({ dtype, shape, data_offsets: [byteStart, byteEnd] });
      expect(reader.getTensor(name)).to.deep.equal(file.subarray(byteStart, byteEnd));
    }
  });

  it("cannot read a file that has metadata, as every real checkpoint does: the codec is therefore ours", () => {
    expect(() => new SafeTensor(readFileSync(SHARD))).to.throw(TypeError);
  });
});
