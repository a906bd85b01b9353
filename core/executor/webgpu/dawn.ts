// The door to the optional package `webgpu`: Dawn for Node, loaded only when an executor is asked about.

import type * as Dawn from "webgpu";
import { missingVulkan } from "./vulkan.js";

/** The package and what of its globals is used here. */
export interface Loaded {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

/**
 * Kernels index within their buffers by construction, and write group memory before they read it; the same ones run in the tests.
 * Dawn's clamps would cost speed, and its clearing of group memory takes SwiftShader seconds to compile.
 */
const FEATURES = ["allow_unsafe_apis", "disable_robustness", "disable_workgroup_init"];
/** Every buffer is written before it is read; clearing the staging buffers would take the CPU longer than a small model. */
const WITHOUT = ["timestamp_quantization", "lazy_clear_resource_on_first_use"];
const OPTIONS = [`enable-dawn-features=${FEATURES.join()}`, `disable-dawn-features=${WITHOUT.join()}`];

/** One, and held to the end: collected before the last object of a device of it, even a destroyed one, it aborts the process. */
let instance: GPU | undefined;

/** @returns a GPU's adapter, or in one line why there is none and what would help */
export async function findAdapter(): Promise<Loaded | string> {
  const reason = missingVulkan();
  if (reason !== undefined) return reason;
  const dawn = await load();
  if (typeof dawn === "string") return dawn;
  try {
    instance ??= dawn.create(OPTIONS);
    const gpu = instance;
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    return adapter === null ? NO_GPU : (whyTooSmall(adapter.limits) ?? { gpu, adapter });
  } catch (cause) {
    return `the GPU's driver does not work: ${firstLine(cause)}`;
  }
}

const NO_GPU = "no GPU was found; install the GPU's driver, or see that this user may open /dev/dri or /dev/nvidia*";

/** What the kernels share in a group of threads; many more bytes than WebGPU promises, and fewer than any GPU of this decade has. */
const GROUP_BYTES = 32 * 1024;

export const whyTooSmall = ({
  maxComputeWorkgroupStorageSize: found,
}: Pick<GPUSupportedLimits, "maxComputeWorkgroupStorageSize">): string | undefined =>
  found < GROUP_BYTES ? `the GPU has ${found} bytes of memory for a group of threads; expected ${GROUP_BYTES}` : undefined;

async function load(): Promise<typeof Dawn | string> {
  try {
    return await import("webgpu");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND") return "the package webgpu is not installed; npm install webgpu";
    return `the package webgpu does not load here: ${firstLine(cause)}`;
  }
}

const firstLine = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).trim().split("\n")[0] ?? "";

/** @returns the adapter's device in words, e.g. `NVIDIA H100 80GB HBM3 (nvidia, hopper)` */
export function describeAdapter({ info }: GPUAdapter): string {
  const name = info.device.replace(/[\s-]+$/, "") || info.description || "GPU";
  const kind = [info.vendor, info.architecture].filter((part) => part !== "");
  return kind.length === 0 ? name : `${name} (${kind.join(", ")})`;
}

/** A software adapter computes on the CPU: right, and slower than the cpu executor. */
export const isSoftware = ({ info }: GPUAdapter): boolean =>
  info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software/i.test(`${info.architecture} ${info.device} ${info.description}`);
