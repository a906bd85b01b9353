// RoPE's scaling as a setting: one spelling of what both frameworks' configs may say.

import type { Value, Values } from "../architecture/declaration.js";

/**
 * Scaling without theta; null when it scales nothing. The type is spelled `rope_type`; before transformers 4.43 it was `type`.
 * What is no object stays as it is, to be refused by its type.
 */
export function normalScaling(scaling: Value | undefined): Value {
  if (scaling === undefined) return null;
  const values = asValues(scaling);
  if (values === undefined) return scaling;
  const { rope_theta: _theta, partial_rotary_factor: _factor, type, rope_type: kind, ...rest } = values;
  const rope_type = kind ?? type;
  return rope_type === undefined || rope_type === null || rope_type === "default" ? null : { rope_type, ...rest };
}

export const asValues = (value: Value | undefined): Values | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : undefined;
