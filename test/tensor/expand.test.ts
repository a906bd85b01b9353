import { expect } from "chai";
import { describe, it } from "mocha";
import { expand } from "../../core/tensor/expand.js";

/** What IEEE 754 says of 16 bits with so many of exponent and mantissa. */
function meaning(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> mantissaBits;
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe("expand", () => {
  for (const [dtype, exponentBits, mantissaBits] of [
    ["F16", 5, 10],
    ["BF16", 8, 7],
  ] as const) {
    it(`gives every ${dtype} its value, at an odd offset too`, () => {
      const bytes = Buffer.alloc(1 + 2 * 65536);
      for (let bits = 0; bits < 65536; bits++) bytes.writeUInt16LE(bits, 1 + 2 * bits);
      const values = new Float32Array(65536);
      expand(bytes.subarray(1), dtype, values);
      for (let bits = 0; bits < 65536; bits++) {
        const expected = meaning(bits, exponentBits, mantissaBits);
        if (!Object.is(values[bits], expected)) expect.fail(`${bits.toString(16)}: expected ${expected}, found ${values[bits]}`);
      }
    });
  }

  it("keeps an F32's bits at an odd offset", () => {
    const bytes = Buffer.alloc(9);
    bytes.writeFloatLE(-0, 1);
    bytes.writeFloatLE(1.5e-42, 5);
    const values = new Float32Array(2);
    expand(bytes.subarray(1), "F32", values);
    expect(Array.from(values, (value) => Object.is(value, -0) || value)).to.deep.equal([true, Math.fround(1.5e-42)]);
  });

  it("refuses a dtype that float32 cannot hold", () => {
    expect(() => expand(new Uint8Array(8), "F64", new Float32Array(1))).to.throw("cannot cast from F64");
  });
});
