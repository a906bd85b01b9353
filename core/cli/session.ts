// What every command of one run shares: an engine that knows the plugin named, its reporter, and Ctrl-C.

import { resolve } from "node:path";
import type { Plugin } from "../architecture/declaration.js";
import type { Engine } from "../engine.js";
import { UsageError } from "../errors.js";
import { forwardsOf } from "./package-code.js";
import { TerminalReporter } from "./terminal-reporter.js";

export interface Session {
  readonly engine: Engine;
  /** The name of the plugin that was given as a name, a folder or a package. */
  readonly plugin: string | undefined;
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly close: () => void;
}

/** The engine is loaded here, so that `--help` need not. Only a package that is named runs code, and only its own. */
export async function openSession({ plugin, isQuiet = false }: { plugin?: string | undefined; isQuiet?: boolean }): Promise<Session> {
  const { createEngine } = await import("../compose.js");
  const { installedPackages } = await import("../architecture/packages.js");
  const reporter = new TerminalReporter(isQuiet);
  const packages = installedPackages(process.cwd());
  const named = packages.find(({ name }) => name === plugin);
  const folder = plugin !== undefined && named === undefined && isFolder(plugin) ? resolve(plugin) : undefined;
  const forwards = named === undefined ? {} : await forwardsOf(named);
  const engine = createEngine({ reporter, packages, forwards, plugins: folder === undefined ? [] : [folder] });
  const origin = named === undefined ? folder : `${named.name}@${named.version}`;
  const name = origin === undefined ? plugin : onlyOne(engine.plugins(), origin);
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  return { engine, plugin: name, signal: abort.signal, close: () => reporter.stop() };
}

const isFolder = (plugin: string): boolean => /[/\\]|^\.{1,2}$/.test(plugin);

function onlyOne(plugins: readonly Plugin[], origin: string): string | undefined {
  const [first, ...more] = plugins.filter((plugin) => plugin.origin === origin).map(({ name }) => name);
  if (more.length === 0) return first;
  throw new UsageError(`${origin} has several plugins: ${[first, ...more].join(", ")}`, { hint: "name one of them" });
}

/** Run a command's body with a session that ends with it. */
export async function withSession(options: Parameters<typeof openSession>[0], body: (session: Session) => Promise<void>): Promise<void> {
  const session = await openSession(options);
  try {
    await body(session);
  } finally {
    session.close();
  }
}
