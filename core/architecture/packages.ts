// Plugins in npm packages: which installed packages have any, by what they say of themselves. Reads package.json files, runs nothing.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import semver from "semver";
import { UsageError } from "../errors.js";
import { type JsonObject, parseObject, plain } from "../format/json.js";
import { packageVersion } from "../version.js";

/** What a package says to be looked at: this among its `keywords`. */
export const PACKAGE_KEYWORD = "weighbridge-plugin";

export interface PluginPackage {
  readonly name: string;
  readonly version: string;
  /** Folders of its plugins, each with a plugin.yaml that the package exports. */
  readonly folders: readonly string[];
  /** The module with its families' forwards; it runs only when the user names the package. */
  readonly forwards: string | undefined;
}

/**
 * The plugin packages that are installed for a folder: in its node_modules and in those above it, and beside weighbridge itself.
 * Of two with one name the nearer counts, as for Node.
 *
 * @throws {UsageError | FormatError} a package has the keyword and is not what a plugin package must be
 */
export function installedPackages(folder: string): PluginPackage[] {
  const found = new Map<string, PluginPackage>();
  for (const modules of moduleFolders(folder)) {
    for (const root of packageFolders(modules)) {
      const manifest = readManifest(root);
      if (manifest !== undefined && !found.has(manifest.name)) found.set(manifest.name, packageOf(root, manifest));
    }
  }
  return [...found.values()];
}

function moduleFolders(folder: string): string[] {
  const folders: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    folders.push(join(at, "node_modules"));
    if (dirname(at) === at) break;
  }
  const own = join(fileURLToPath(import.meta.resolve("#package")), "../..");
  return [...folders, ...(own.endsWith(`${sep}node_modules`) ? [own] : [])].filter((candidate, at, all) => all.indexOf(candidate) === at);
}

function packageFolders(modules: string): string[] {
  if (!isFolder(modules)) return [];
  const names = readdirSync(modules).filter((name) => !name.startsWith("."));
  return names.flatMap((name) =>
    name.startsWith("@") && isFolder(join(modules, name))
      ? readdirSync(join(modules, name)).map((scoped) => join(modules, name, scoped))
      : [join(modules, name)],
  );
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly range: string | undefined;
}

/** Far more than any package.json has. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** @returns nothing for a package without the keyword, and for what is no package */
function readManifest(root: string): Manifest | undefined {
  const path = join(root, "package.json");
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isFile() || status.size > MAX_MANIFEST_BYTES) return undefined;
  const text = readFileSync(path, "utf8");
  if (!text.includes(PACKAGE_KEYWORD)) return undefined;
  const { name, version, keywords, exports, peerDependencies } = plain(parseObject(text, path)) as JsonObject;
  if (!Array.isArray(keywords) || !keywords.includes(PACKAGE_KEYWORD)) return undefined;
  return {
    name: String(name),
    version: String(version),
    exports: isRecord(exports) ? exports : {},
    range: isRecord(peerDependencies) && typeof peerDependencies.weighbridge === "string" ? peerDependencies.weighbridge : undefined,
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function packageOf(root: string, { name, version, exports, range }: Manifest): PluginPackage {
  const where = `${name} (${root})`;
  if (range !== undefined && !semver.satisfies(packageVersion(), range, { includePrerelease: true })) {
    throw new UsageError(`${where}: the package is for weighbridge ${range}, and this is ${packageVersion()}`, {
      hint: "install another version of either, or remove the package",
    });
  }
  const targetOf = (key: string): string => {
    const target = exports[key];
    const path = typeof target === "string" ? resolve(root, target) : "";
    if (path.startsWith(`${root}${sep}`)) return path;
    throw new UsageError(`${where}: exports[${JSON.stringify(key)}]: expected a path inside the package, found ${JSON.stringify(target)}`);
  };
  const keys = Object.keys(exports).filter((key) => key === "./plugin.yaml" || key.endsWith("/plugin.yaml"));
  if (keys.length === 0) {
    throw new UsageError(`${where}: the package has the keyword ${PACKAGE_KEYWORD} and exports no plugin.yaml`, {
      hint: 'its package.json needs "exports": { "./plugin.yaml": "./plugin.yaml" }',
    });
  }
  const forwards = exports["./forwards"] === undefined ? undefined : targetOf("./forwards");
  return { name, version, folders: keys.map((key) => dirname(targetOf(key))), forwards };
}
