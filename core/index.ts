// What `import … from "weighbridge"` gives.

export { type Engine, type EngineOverrides, createEngine } from "./engine.js";
export { type ConvertOptions, type ConvertResult } from "./engine/convert.js";
export { type PlanOptions } from "./engine/prepare.js";
export { type VerifyOptions, type VerifyReport } from "./engine/verify.js";
export * from "./errors.js";
