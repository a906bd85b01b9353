// The plugin packages that a run of the command knows, and what it says of broken ones.

import type { BrokenPackage, FoundPackages } from "../architecture/packages.js";

/** What is installed for the folder that the command runs in. */
export async function packagesHere(): Promise<FoundPackages> {
  const { findPackages } = await import("../architecture/packages.js");
  const { soundPackages } = await import("../architecture/sound-packages.js");
  return soundPackages(findPackages(process.cwd()), ["huggingface", "nanotron"]);
}

/** @throws its error, where the package that the user names is broken */
export function checkNamed(asked: string | undefined, broken: readonly BrokenPackage[]): void {
  const named = broken.find(({ name }) => name === asked);
  if (named !== undefined) throw named.error;
}

/** In one line, as a warning. */
export const brokenLine = ({ name, error }: BrokenPackage): string =>
  `the plugin package ${name} is broken, so that its plugins take no part: ${error.message.split("\n")[0]}`;
