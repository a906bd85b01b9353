// Casts against an independent reference: slow, in float64, by the definition of the formats. Over all values of 16 bits.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { castRun } from "../../core/tensor/cast.js";
import { contents, fixture, readAllTensors, readJson, scratchFolder } from "../helpers/folders.js";
import { expectRefused } from "../helpers/refusal.js";

const scratch = scratchFolder("cast");
const engine = createEngine();
after(scratch.remove);
const source = fixture("tiny-llama3");

interface Format {
  readonly name: "BF16" | "F16" | "F32";
  readonly bytes: number;
  readonly exponentBits: number;
  readonly mantissaBits: number;
}
const BF16: Format = { name: "BF16", bytes: 2, exponentBits: 8, mantissaBits: 7 };
const F16: Format = { name: "F16", bytes: 2, exponentBits: 5, mantissaBits: 10 };
const F32: Format = { name: "F32", bytes: 4, exponentBits: 8, mantissaBits: 23 };

/** IEEE 754, section 3.4: the value of a bit pattern. */
function decode(bits: number, { bytes, exponentBits, mantissaBits }: Format): number {
  const sign = Math.floor(bits / 2 ** (8 * bytes - 1)) === 1 ? -1 : 1;
  const exponent = Math.floor(bits / 2 ** mantissaBits) % 2 ** exponentBits;
  const mantissa = bits % 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

/** All finite values from 0 up, by their bit patterns: the list is sorted, as IEEE formats are. */
const ladder = (format: Format): number[] => {
  const count = (2 ** format.exponentBits - 1) * 2 ** format.mantissaBits;
  return Array.from({ length: count }, (_, bits) => decode(bits, format));
};
const ladders = new Map([BF16, F16].map((format) => [format.name, ladder(format)]));

/** The bits of the nearest value, found by searching all of them; of two equally near, the even one. Undefined: past the largest. */
function nearestBits(value: number, format: Format): number | undefined {
  const steps = ladders.get(format.name) ?? [];
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 2 ** (8 * format.bytes - 1) : 0;
  let [low, high] = [0, steps.length - 1];
  const [largest = 0, before = 0] = [steps[high], steps[high - 1]];
  if (size >= largest + (largest - before) / 2) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? 0) <= size) low = middle;
    else high = middle;
  }
  const [down, up] = [size - (steps[low] ?? 0), (steps[high] ?? 0) - size];
  const nearest = down < up || (down === up && low % 2 === 0) ? low : high;
  return sign + nearest;
}

const bytesOf = (bits: number, bytes: number): Uint8Array => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(bits, 0, bytes);
  return buffer;
};
const bitsOf = (bytes: Uint8Array): number => Buffer.from(bytes).readUIntLE(0, bytes.length);
const f32Bits = (value: number): number => {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer.readUInt32LE();
};

/** What a cast of one element gives, or the message of its refusal. */
function cast(bits: number, from: Format, to: Format): number | string {
  try {
    return bitsOf(castRun(bytesOf(bits, from.bytes), from.name, to.name));
  } catch (error) {
    return (error as Error).message;
  }
}

function expectCast(bits: number, from: Format, to: Format): void {
  const value = decode(bits, from);
  const found = cast(bits, from, to);
  const where = `${from.name} 0x${bits.toString(16)} (${value}) to ${to.name}: ${found}`;
  if (Number.isNaN(value)) {
    if (!Number.isNaN(decode(Number(found), to))) expect.fail(where);
    return;
  }
  const finite = to === F32 ? f32Bits(value) : nearestBits(value, to);
  const expected =
    Number.isFinite(value) || to === F32 ? finite : (value < 0 ? 2 ** 15 : 0) + (2 ** to.exponentBits - 1) * 2 ** to.mantissaBits;
  if (found !== (expected ?? `${value} does not fit ${to.name}; keep the dtype or choose a wider one`))
    expect.fail(`${where}, expected ${expected}`);
}

const ALL = Array.from({ length: 65536 }, (_, bits) => bits);

describe("a cast", () => {
  for (const [from, to] of [
    [BF16, F32],
    [F16, F32],
    [BF16, F16],
    [F16, BF16],
  ] as const) {
    it(`of every ${from.name} to ${to.name}: nearest, ties to even, zeros signed, NaN kept, overflow refused with its value`, () => {
      for (const bits of ALL) expectCast(bits, from, to);
    });
  }

  for (const to of [BF16, F16]) {
    it(`of F32 to ${to.name}: at every value, halfway to the next, and one bit to either side of that`, () => {
      const steps = ladders.get(to.name) ?? [];
      for (const [index, step] of steps.entries()) {
        const next = steps[index + 1];
        const half = f32Bits(next === undefined ? step : (step + next) / 2);
        for (const bits of [f32Bits(step), half - 1, half, half + 1]) {
          if (bits < 0 || bits > 0x7f800000) continue;
          if (decode(bits, F32) === 0 && bits !== 0) continue;
          expectCast(bits, F32, to);
          expectCast(bits + 2 ** 31, F32, to);
        }
      }
    }).timeout(60_000);
  }

  it("there and back through F32 keeps every bit of every number", () => {
    for (const format of [BF16, F16]) {
      for (const bits of ALL) {
        if (Number.isNaN(decode(bits, format))) continue;
        const wide = castRun(bytesOf(bits, 2), format.name, "F32");
        if (bitsOf(castRun(wide, "F32", format.name)) !== bits) expect.fail(`${format.name} 0x${bits.toString(16)}`);
      }
    }
  });

  it("reads runs that lie at odd places in a buffer, and leaves them as they are", () => {
    const buffer = Buffer.from([0xff, 0x80, 0x3f, 0x00, 0xc0, 0xff]);
    expect([...castRun(buffer.subarray(1, 5), "BF16", "F32")]).to.deep.equal([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    expect(buffer.toString("hex")).to.equal("ff803f00c0ff");
  });
});

describe("a conversion that casts", () => {
  it("to F32 and back gives the source's bytes", async () => {
    const [wide, back] = [scratch.fresh(), scratch.fresh()];
    await engine.convert(source, wide, { to: "nanotron", tp: 2, dtype: "F32" });
    expect((await engine.inspect(wide)).dtypes).to.have.all.keys("F32");
    await engine.convert(wide, back, { to: "huggingface", dtype: "BF16", maxShardBytes: 1e6 });
    const weights = (folder: string) => Object.entries(contents(folder)).filter(([name]) => /safetensors/.test(name));
    expect(weights(back)).to.deep.equal(weights(source));
    expect(readJson(back, "config.json").torch_dtype).to.equal("bfloat16");
  });

  it("to F16 gives the nearest values, in the tensors' own places", async () => {
    const half = scratch.fresh();
    await engine.convert(source, half, { to: "huggingface", dtype: "F16" });
    const [found, original] = [readAllTensors(half), readAllTensors(source)];
    expect([...found.keys()].sort()).to.deep.equal([...original.keys()].sort());
    for (const [name, { data, shape }] of original) {
      const tensor = found.get(name);
      expect([tensor?.dtype, tensor?.shape]).to.deep.equal(["F16", shape]);
      for (let at = 0; at < data.length; at += 2) {
        const value = decode(data.readUInt16LE(at), BF16);
        if (tensor?.data.readUInt16LE(at) !== nearestBits(value, F16)) expect.fail(`${name} at ${at}: ${value}`);
      }
    }
    const config = readJson(half, "config.json");
    expect([config.dtype, config.torch_dtype]).to.deep.equal(["float16", "float16"]);
    const { verdict, parameters } = await engine.verify(source, half);
    expect([verdict, parameters?.equal, parameters?.different]).to.deep.equal(["different", [], []]);
    expect([...(parameters?.otherDtype ?? []), ...(parameters?.rounded ?? [])]).to.have.length(original.size);
  });

  it("refuses a value that does not fit, and says where", async () => {
    const wide = scratch.copy("tiny-llama3");
    const shard = readdirSync(wide).find((name) => name.endsWith("-of-00003.safetensors")) ?? "";
    const bytes = readFileSync(join(wide, shard));
    bytes.writeUInt16LE(0x7e97, bytes.length - 2); // about 1e38
    writeFileSync(join(wide, shard), bytes);
    const convert = () => engine.convert(wide, join(wide, "../half"), { to: "huggingface", dtype: "F16" });
    await expectRefused(wide, convert, { code: 1, says: [`: ${decode(0x7e97, BF16)} does not fit F16`, "choose a wider one", "model."] });
  });
});
