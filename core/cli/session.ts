// What every command of one run shares: an engine that knows the plugin named, its reporter, and Ctrl-C.

import { resolve } from "node:path";
import type { Plugin } from "../architecture/declaration.js";
import type { BrokenPackage } from "../architecture/packages.js";
import type { Engine } from "../engine.js";
import { UsageError } from "../errors.js";
import { forwardsOf } from "./package-code.js";
import { brokenLine, checkNamed, packagesHere } from "./plugin-packages.js";
import { TerminalReporter } from "./terminal-reporter.js";

export interface Session {
  readonly engine: Engine;
  /** The name of the plugin that was given as a name, a folder or a package. */
  readonly plugin: string | undefined;
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Installed packages whose plugins are not there. */
  readonly broken: readonly BrokenPackage[];
  /** Says so of each. */
  readonly warnOfBroken: () => void;
  readonly close: () => void;
}

interface SessionOptions {
  readonly plugin?: string | undefined;
  readonly isQuiet?: boolean;
  /** The command looks for the plugin that fits a checkpoint, unless one is named: a broken package's might have been the one. */
  readonly isMatching?: boolean;
  /** Warnings are errors. */
  readonly isStrict?: boolean;
}

/** The engine is loaded here, so that `--help` need not. Only a package that is named runs code, and only its own. */
export async function openSession({ plugin, isQuiet = false, isMatching = false, isStrict = false }: SessionOptions): Promise<Session> {
  const { createEngine } = await import("../compose.js");
  const reporter = new TerminalReporter(isQuiet);
  const { packages, broken } = await packagesHere();
  checkNamed(plugin, broken);
  const named = packages.find(({ name }) => name === plugin);
  const folder = plugin !== undefined && named === undefined && isFolder(plugin) ? resolve(plugin) : undefined;
  const forwards = named === undefined ? {} : await forwardsOf(named);
  const warnOfBroken = () => {
    for (const each of broken) reporter.warning(brokenLine(each));
  };
  const engine = await withWarnings(
    async () => createEngine({ reporter, packages, forwards, plugins: folder === undefined ? [] : [folder] }),
    warnOfBroken,
  );
  const origin = named === undefined ? folder : `${named.name}@${named.version}`;
  const name = origin === undefined ? plugin : onlyOne(engine.plugins(), origin);
  const isKnown = name !== undefined && engine.plugins().some((known) => known.name === name);
  if (isMatching && !isKnown) {
    if (isStrict && broken[0] !== undefined)
      throw new UsageError(brokenLine(broken[0]), { hint: "remove the package, or name a plugin with --plugin" });
    warnOfBroken();
  }
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  return { engine, plugin: name, signal: abort.signal, broken, warnOfBroken, close: () => reporter.stop() };
}

/** What fails may fail for want of a broken package's plugin. */
export async function withWarnings<T>(run: () => Promise<T>, warn: () => void): Promise<T> {
  try {
    return await run();
  } catch (error) {
    warn();
    throw error;
  }
}

const isFolder = (plugin: string): boolean => /[/\\]|^\.{1,2}$/.test(plugin);

function onlyOne(plugins: readonly Plugin[], origin: string): string | undefined {
  const [first, ...more] = plugins.filter((plugin) => plugin.origin === origin).map(({ name }) => name);
  if (more.length === 0) return first;
  throw new UsageError(`${origin} has several plugins: ${[first, ...more].join(", ")}`, { hint: "name one of them" });
}

/** Run a command's body with a session that ends with it. */
export async function withSession(options: SessionOptions, body: (session: Session) => Promise<void>): Promise<void> {
  const session = await openSession(options);
  try {
    await body(session);
  } finally {
    session.close();
  }
}
