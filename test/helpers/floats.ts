// The float formats by arithmetic, not by bits: an independent statement of what the engine does with shifts.

import type { DType } from "../../core/tensor/dtype.js";

interface Format {
  readonly significandBits: number;
  readonly minExponent: number;
}

export const FORMATS = {
  BF16: { significandBits: 8, minExponent: -126 },
  F16: { significandBits: 11, minExponent: -14 },
  F32: { significandBits: 24, minExponent: -126 },
} as const satisfies Partial<Record<DType, Format>>;

export type FloatDType = keyof typeof FORMATS;

/** The exponent e with 2^e ≤ |value| < 2^(e+1), no smaller than the format's. */
function exponentOf(value: number, { minExponent }: Format): number {
  const size = Math.abs(value);
  let exponent = Math.max(minExponent, Math.floor(Math.log2(size)));
  if (2 ** (exponent + 1) <= size) exponent++;
  if (exponent > minExponent && 2 ** exponent > size) exponent--;
  return exponent;
}

/** The distance of neighbours in a format around a value. */
export const ulp = (value: number, dtype: FloatDType): number =>
  2 ** (exponentOf(value, FORMATS[dtype]) - FORMATS[dtype].significandBits + 1);

/** The nearest value of a format, ties to the even one. Overflow is not modelled. */
export function nearest(value: number, dtype: FloatDType): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const unit = ulp(value, dtype);
  const units = Math.abs(value) / unit;
  const floor = Math.floor(units);
  const up = units - floor > 0.5 || (units - floor === 0.5 && floor % 2 === 1);
  return Math.sign(value) * (up ? floor + 1 : floor) * unit;
}

/** Little-endian bytes of values that the format holds. */
export function encode(values: Float64Array, dtype: FloatDType): Buffer {
  const bytes = Buffer.alloc(values.length * (dtype === "F32" ? 4 : 2));
  values.forEach((value, i) => {
    if (dtype === "F32") bytes.writeFloatLE(value, i * 4);
    else bytes.writeUInt16LE(dtype === "F16" ? f16Bits(value) : bf16Bits(value), i * 2);
  });
  return bytes;
}

function bf16Bits(value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatBE(value);
  return bytes.readUInt16BE(0);
}

function f16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const units = Math.abs(value) / ulp(value, "F16");
  return sign | (units < 1024 ? units : ((exponentOf(value, FORMATS.F16) + 15) << 10) | (units - 1024));
}
