// What `import … from "weighbridge"` gives.

export type { ConvertOptions, ConvertResult } from "./engine/convert.js";
export type { PlanOptions } from "./engine/prepare.js";
export type { VerifyOptions, VerifyReport } from "./engine/verify.js";
export { createEngine, type Engine, type EngineOverrides } from "./engine.js";
export * from "./errors.js";
