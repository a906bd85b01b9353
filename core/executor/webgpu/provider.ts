// The executor on a GPU, wherever Dawn finds one: Vulkan, Metal or Direct3D 12.

import { ExecutorError } from "../../errors.js";
import type { Store } from "../../store/store.js";
import type { Executor, ExecutorProvider } from "../executor.js";
import { describeAdapter, findAdapter, isSoftware, type Loaded } from "./dawn.js";
import { WebgpuExecutor } from "./webgpu-executor.js";

class WebgpuProvider implements ExecutorProvider {
  readonly name = "webgpu";
  /** An adapter gives one device only; the one that the questions were answered from serves the next open. */
  private found: Promise<Loaded | string> | undefined;

  async unavailable(): Promise<string | undefined> {
    const found = await this.look();
    return typeof found === "string" ? found : undefined;
  }

  async unsuited(): Promise<string | undefined> {
    const found = await this.look();
    if (typeof found === "string" || !isSoftware(found.adapter)) return undefined;
    return "it is software, slower than the cpu executor; ask for it with --executor webgpu";
  }

  async device(): Promise<string | undefined> {
    const found = await this.look();
    return typeof found === "string" ? undefined : describeAdapter(found.adapter);
  }

  async open(store: Store): Promise<Executor> {
    const looking = this.look();
    this.found = undefined;
    const found = await looking;
    if (typeof found === "string") throw new ExecutorError(`executor webgpu cannot run here: ${found}`);
    return WebgpuExecutor.open(found, store);
  }

  private look(): Promise<Loaded | string> {
    this.found ??= findAdapter();
    return this.found;
  }
}

export const webgpuProvider: ExecutorProvider = new WebgpuProvider();
