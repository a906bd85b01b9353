// The executor on a GPU, wherever Dawn finds one: Vulkan, Metal or Direct3D 12.

import { ExecutorError } from "../../errors.js";
import type { ExecutorProvider } from "../executor.js";
import { describeAdapter, findAdapter, isSoftware } from "./dawn.js";
import { WebgpuExecutor } from "./webgpu-executor.js";

export const webgpuProvider: ExecutorProvider = {
  name: "webgpu",
  unavailable: async () => {
    const found = await findAdapter();
    return typeof found === "string" ? found : undefined;
  },
  unsuited: async () => {
    const found = await findAdapter();
    return typeof found !== "string" && isSoftware(found.adapter) ? `${describeAdapter(found.adapter)} computes on the CPU` : undefined;
  },
  device: async () => {
    const found = await findAdapter();
    return typeof found === "string" ? undefined : describeAdapter(found.adapter);
  },
  open: async (store) => {
    const found = await findAdapter();
    if (typeof found === "string") throw new ExecutorError(`executor webgpu cannot run here: ${found}`);
    return WebgpuExecutor.open(found, store);
  },
};
