// What every command of one run shares: an engine that knows the plugin named, its reporter, and Ctrl-C.

import { resolve } from "node:path";
import type { Engine } from "../engine.js";
import { TerminalReporter } from "./terminal-reporter.js";

export interface Session {
  readonly engine: Engine;
  /** The name of the plugin that was given as a name or a folder. */
  readonly plugin: string | undefined;
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly close: () => void;
}

const isFolder = (plugin: string): boolean => /[/\\]|^\.{1,2}$/.test(plugin);

/** The engine is loaded here, so that `--help` need not. */
export async function openSession({ plugin, isQuiet = false }: { plugin?: string | undefined; isQuiet?: boolean }): Promise<Session> {
  const { createEngine } = await import("../compose.js");
  const reporter = new TerminalReporter(isQuiet);
  const folder = plugin !== undefined && isFolder(plugin) ? resolve(plugin) : undefined;
  const engine = createEngine({ reporter, plugins: folder === undefined ? [] : [folder] });
  const name = folder === undefined ? plugin : engine.plugins().find(({ origin }) => origin === folder)?.name;
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  return { engine, plugin: name, signal: abort.signal, close: () => reporter.stop() };
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
