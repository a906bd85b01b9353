// Arithmetic that WGSL leaves loose, stated in bits or in steps of float32: rounding, NaN, exp, order, stored formats.
// A shader compiler may take it that no value is NaN or infinite, so both are told by their bits.

import type { Rounding } from "../../executor.js";

export const NUMERICS = `
fn bits_of(x: f32) -> u32 { return bitcast<u32>(x); }
fn is_nan(bits: u32) -> bool { return (bits & 0x7fffffffu) > 0x7f800000u; }
fn keep(x: f32) -> f32 { return x; }

// Nearest bfloat16, ties to even; beyond the largest it carries into infinity.
fn bf16(x: f32) -> f32 {
  let bits = bits_of(x);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(rounded, 0x7fc00000u, is_nan(bits)));
}

fn power_of_two(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }

// exp to about one float32 unit (Cephes' expf); WGSL's own may be off by 3 + 2|x| units.
fn exp_of(x: f32) -> f32 {
  let within = clamp(x, -104.0, 89.0);
  let n = round(within * 1.44269504);
  let r = (within - n * 0.693359375) + n * 2.12194440e-4;
  var sum = 1.9875691500e-4;
  sum = sum * r + 1.3981999507e-3;
  sum = sum * r + 8.3334519073e-3;
  sum = sum * r + 4.1665795894e-2;
  sum = sum * r + 1.6666665459e-1;
  sum = sum * r + 5.0000001201e-1;
  let power = sum * r * r + r + 1.0;
  let half = i32(n) / 2;
  return select(power * power_of_two(half) * power_of_two(i32(n) - half), x, is_nan(bits_of(x)));
}

// 1 / sqrt(x), one Newton step beyond WGSL's, which may be off by 2 units.
fn inverse_root(x: f32) -> f32 {
  let y = inverseSqrt(x);
  return select(y, y + y * (0.5 * (1.0 - (x * y) * y)), x < 3e38);
}

// A number that orders as the floats do, -0 as 0, NaN below all.
fn order_of(x: f32) -> u32 {
  let bits = bits_of(x);
  let ordered = select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
  return select(select(ordered, 0x80000000u, (bits << 1u) == 0u), 0u, is_nan(bits));
}

fn from_bf16(half: u32) -> f32 { return bitcast<f32>(half << 16u); }

// By arithmetic for the subnormal ones, which are normal float32 values that a shift would make subnormal.
fn from_f16(half: u32) -> f32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let normal = sign | ((exponent + select(112u, 224u, exponent == 31u)) << 23u) | ((half & 0x3ffu) << 13u);
  let small = f32(half & 0x3ffu) * 5.9604644775390625e-8;
  return bitcast<f32>(select(normal, bits_of(small) | sign, exponent == 0u));
}
`;

/** The function of NUMERICS that rounds so. */
export const rounder = (round: Rounding): string => (round === "bf16" ? "bf16" : "keep");
