// Where the frameworks round when they run this family in a dtype.

import { UnsupportedError } from "../../core/errors.js";
import type { Rounding } from "../../core/executor/executor.js";
import type { Numerics } from "../../core/forward/forward.js";
import type { DType } from "../../core/tensor/dtype.js";

/** @throws {UnsupportedError} framework numerics of a dtype whose roundings no executor has */
export function frameworkRounding(numerics: Numerics, dtype: DType): Rounding {
  if (numerics === "exact" || dtype === "F32") return "none";
  if (dtype === "BF16") return "bf16";
  throw new UnsupportedError(`framework numerics of ${dtype} weights are not known`, false, { hint: "use --numerics exact" });
}
