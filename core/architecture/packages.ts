// Plugins in npm packages: which installed packages have any, by what they say of themselves. Reads package.json files, runs nothing.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import semver from "semver";
import { UsageError, WeighbridgeError } from "../errors.js";
import { type JsonObject, parseObject, plain } from "../format/json.js";
import { packageVersion } from "../version.js";

/** What a package says to be looked at: this among its `keywords`. */
export const PACKAGE_KEYWORD = "weighbridge-plugin";

export interface PluginPackage {
  readonly name: string;
  readonly version: string;
  readonly root: string;
  /** Folders of its plugins, each with a plugin.yaml that the package exports. */
  readonly folders: readonly string[];
  /** The module with its families' forwards; it runs only when the user names the package. */
  readonly forwards: string | undefined;
}

/** A package that has the keyword and is not what a plugin package must be. */
export interface BrokenPackage {
  readonly name: string;
  readonly folder: string;
  readonly error: WeighbridgeError;
}

/** What is installed, the broken packages apart. */
export interface FoundPackages {
  readonly packages: readonly PluginPackage[];
  readonly broken: readonly BrokenPackage[];
}

/**
 * The plugin packages that are installed for a folder: in its node_modules and in those above it, and beside weighbridge itself.
 * Of two with one name the nearer counts, as for Node.
 *
 * @throws {UsageError | FormatError} a package has the keyword and is not what a plugin package must be
 */
export function installedPackages(folder: string): PluginPackage[] {
  const { packages, broken } = findPackages(folder);
  if (broken[0] !== undefined) throw broken[0].error;
  return [...packages];
}

/** As `installedPackages`, with an error kept beside the package that it is about. */
export function findPackages(folder: string): FoundPackages {
  const packages: PluginPackage[] = [];
  const broken: BrokenPackage[] = [];
  const seen = new Set<string>();
  for (const root of moduleFolders(folder).flatMap(packageFolders)) {
    let name = basename(root);
    try {
      const manifest = readManifest(root);
      if (manifest === undefined || seen.has(manifest.name)) continue;
      name = manifest.name;
      seen.add(name);
      packages.push(packageOf(root, manifest));
    } catch (error) {
      if (!(error instanceof WeighbridgeError)) throw error;
      broken.push({ name, folder: root, error });
    }
  }
  return { packages, broken };
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

const packageFolders = (modules: string): string[] =>
  namesIn(modules).flatMap((name) =>
    name.startsWith("@") ? namesIn(join(modules, name)).map((scoped) => join(modules, name, scoped)) : [join(modules, name)],
  );

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return []; // none there, or none that can be read
  }
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly range: string | undefined;
}

/** Far more than any package.json has. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** @returns nothing for a package without the keyword, and for what is no package or cannot be read */
function readManifest(root: string): Manifest | undefined {
  const path = join(root, "package.json");
  const text = readManifestText(path);
  if (text === undefined || !text.includes(PACKAGE_KEYWORD)) return undefined;
  const { name, version, keywords, exports, peerDependencies } = plain(parseObject(text, path)) as JsonObject;
  if (!Array.isArray(keywords) || !keywords.includes(PACKAGE_KEYWORD)) return undefined;
  return {
    name: textOf(path, "name", name),
    version: textOf(path, "version", version),
    exports: isRecord(exports) ? exports : {},
    range: isRecord(peerDependencies) && typeof peerDependencies.weighbridge === "string" ? peerDependencies.weighbridge : undefined,
  };
}

function readManifestText(path: string): string | undefined {
  try {
    const status = statSync(path);
    return status.isFile() && status.size <= MAX_MANIFEST_BYTES ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined; // most of what is installed is not ours to complain about
  }
}

function textOf(path: string, key: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new UsageError(`${path}: ${key}: expected a text, found ${JSON.stringify(value ?? null)}`);
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
  return { name, version, root, folders: keys.map((key) => dirname(targetOf(key))), forwards };
}
