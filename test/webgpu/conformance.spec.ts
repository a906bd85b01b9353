// The GPU executor against every executor's suite, and against the shapes that its kernels cut into tiles.

import { webgpuProvider } from "../../core/executor/webgpu/provider.js";
import { describeConformance } from "../executor/conformance.js";

await describeConformance(webgpuProvider);
