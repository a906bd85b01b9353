// A software GPU out of a package: the Vulkan loader and driver that come with @sparticuz/chromium, for Linux on x64.

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

/** @returns the environment in which a program started finds SwiftShader; undefined where there is none for this machine */
export function swiftshaderEnvironment(): Record<string, string> | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const folder = unpacked();
  const paths = [folder, process.env.LD_LIBRARY_PATH ?? ""].filter((path) => path !== "");
  return { VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: paths.join(":") };
}

/** Unpacked once per version and user; the folder appears complete or not at all. */
function unpacked(): string {
  const archive = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "../../bin/swiftshader.tar.br");
  const { version } = JSON.parse(readFileSync(join(dirname(archive), "../package.json"), "utf8")) as { version: string };
  const folder = join(tmpdir(), `weighbridge-swiftshader-${version}-${userInfo().uid}`);
  if (existsSync(folder)) return folder;
  const staging = mkdtempSync(`${folder}-`);
  for (const { name, bytes } of entries(brotliDecompressSync(readFileSync(archive)))) writeFileSync(join(staging, basename(name)), bytes);
  try {
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true });
    if (!existsSync(folder)) throw error; // another run was faster
  }
  return folder;
}

const BLOCK = 512;

/** The files of a tar archive. */
function* entries(archive: Buffer): Generator<{ name: string; bytes: Buffer }> {
  const text = (start: number, length: number) => archive.toString("latin1", start, start + length).replace(/\0.*$/s, "");
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    const [name, kind] = [text(at, 100), text(at + 156, 1)];
    if (kind === "" || kind === "0") yield { name, bytes: archive.subarray(at + BLOCK, at + BLOCK + size) };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
