// Whether Linux has what Dawn needs of Vulkan: the loader and a driver's manifest. Asked of Dawn itself, it would answer on stderr.

import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { dlopen } from "node:process";

const LOADER = "libvulkan.so.1";

/** @returns why Vulkan cannot work here and what would help, one line; undefined where nothing speaks against it */
export function missingVulkan(): string | undefined {
  if (process.platform !== "linux") return undefined;
  if (!hasLoader()) return `the Vulkan loader ${LOADER} is missing; install it (Debian, Ubuntu: libvulkan1; Fedora: vulkan-loader)`;
  if (!hasDriver()) return "no Vulkan driver is installed; install the GPU's, or name its manifest in VK_DRIVER_FILES";
  return undefined;
}

/** A library that is there is refused too, but for being no Node addon. */
function hasLoader(): boolean {
  try {
    dlopen({ exports: {} }, LOADER);
    return true;
  } catch (cause) {
    return !(cause as Error).message.includes("cannot open shared object");
  }
}

/** @see Vulkan-Loader docs/LoaderDriverInterface.md, "Driver Discovery on Linux" */
function hasDriver(): boolean {
  const { env } = process;
  if ([env.VK_DRIVER_FILES, env.VK_ICD_FILENAMES, env.VK_ADD_DRIVER_FILES].some((files) => (files ?? "") !== "")) return true;
  const roots = [
    ...(env.XDG_CONFIG_HOME ?? join(homedir(), ".config")).split(":"),
    ...(env.XDG_CONFIG_DIRS ?? "/etc/xdg").split(":"),
    "/etc",
    ...(env.XDG_DATA_HOME ?? join(homedir(), ".local/share")).split(":"),
    ...(env.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":"),
    "/usr/local/etc",
    "/run/opengl-driver/share",
  ];
  return roots.some((root) => manifests(join(root, "vulkan/icd.d")).length > 0);
}

function manifests(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return []; // not there, or not ours to see: the loader does not see it either
  }
}
