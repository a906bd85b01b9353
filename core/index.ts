// What `import … from "weighbridge"` gives.

export type { Plugin } from "./architecture/declaration.js";
export { installedPackages, type PluginPackage } from "./architecture/packages.js";
export { createEngine, type EngineOverrides } from "./compose.js";
export type { ConvertResult } from "./engine/convert.js";
export type { ConvertOptions } from "./engine/convert-options.js";
export type { PartDetails, StoredDetails, TensorDetails, VerifyDetails } from "./engine/details.js";
export type { DeviceReport } from "./engine/devices.js";
export type { DoctorOptions, DoctorReport } from "./engine/doctor.js";
export type { InferOptions, InferReport } from "./engine/infer.js";
export type { Finding, InspectedTensor, InspectOptions, InspectReport } from "./engine/inspect.js";
export type { PlanCost, PlanReport } from "./engine/plan.js";
export type { PredictOptions, PredictReport } from "./engine/predict.js";
export type { PlanOptions } from "./engine/prepared.js";
export type { SideReport } from "./engine/side.js";
export type { VerifyReport } from "./engine/verify.js";
export type { VerifyOptions } from "./engine/verify-options.js";
export type { Engine } from "./engine.js";
export * from "./errors.js";
export type {
  AttentionOptions,
  Candidate,
  Difference,
  EmbedOptions,
  Executor,
  ExecutorProvider,
  LinearOptions,
  Ops,
  Reads,
  RmsNormOptions,
  RotateOptions,
  Rounding,
  SiluMulOptions,
  Tensor,
  Weight,
} from "./executor/executor.js";
export type { FamilyForwards, Forward, ForwardOptions, ForwardSource, Numerics, Stage } from "./forward/forward.js";
export type { PredictedToken } from "./forward/predicted.js";
export type { Layout } from "./layout/layout.js";
export type { Plan, Segment } from "./plan/plan.js";
export type { Progress, Reporter } from "./reporter.js";
export type { Distribution } from "./verify/distribution.js";
export type { ParametersReport } from "./verify/parameters.js";
export type { PositionReport } from "./verify/positions.js";
export type { Divergence, PredictionsReport, StageReport } from "./verify/predictions.js";
