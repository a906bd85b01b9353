// weighbridge plugins list, show and check; test, new and infer have files of their own.

import type { Command } from "commander";
import { nanotronTemplate, type Plugin, stackOf, withinOf } from "../architecture/declaration.js";
import { findPlugin } from "./find-plugin.js";
import { withJson } from "./options.js";
import { print, printDocument } from "./output.js";
import { addPluginsInfer } from "./plugins-infer.js";
import { addPluginsNew } from "./plugins-new.js";
import { addPluginsTest } from "./plugins-test.js";
import { openSession, withWarnings } from "./session.js";

interface JsonFlag {
  readonly json?: boolean;
}

export function addPlugins(program: Command): void {
  const plugins = program.command("plugins").description("architecture plugins");
  withJson(plugins.command("list").description("which there are")).action(runList);
  withJson(plugins.command("show <name|folder>").description("what a plugin declares, with what it takes from its family")).action(runShow);
  withJson(plugins.command("check <folder>").description("check a plugin's declaration")).action(runCheck);
  addPluginsTest(plugins);
  addPluginsNew(plugins);
  addPluginsInfer(plugins);
}

async function runList({ json }: JsonFlag): Promise<void> {
  const session = await openSession({});
  const plugins = session.engine.plugins().map(({ name, family, origin, description }) => ({ name, family, origin, description }));
  const broken = session.broken.map(({ name, folder, error }) => ({ package: name, folder, errors: error.message.split("\n") }));
  if (json === true) return void printDocument({ plugins, broken });
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const [nameWidth, originWidth] = [widest(plugins.map(({ name }) => name)), widest(plugins.map(({ origin }) => origin))];
  for (const { name, origin, description } of plugins) print(`${name.padEnd(nameWidth)}  ${origin.padEnd(originWidth)}  ${description}`);
  for (const { package: name, errors } of broken) for (const error of errors) print(`broken: ${name}: ${error}`);
}

async function runShow(asked: string, { json }: JsonFlag): Promise<void> {
  const { engine, plugin: name = asked, warnOfBroken } = await openSession({ plugin: asked });
  const plugin = await withWarnings(async () => findPlugin(engine.plugins(), name), warnOfBroken);
  if (json === true) printDocument(plugin);
  else printPlugin(plugin);
}

async function runCheck(folder: string, { json }: JsonFlag): Promise<void> {
  const { engine, warnOfBroken } = await openSession({});
  const { name } = await withWarnings(async () => engine.checkPlugin(folder), warnOfBroken);
  if (json === true) printDocument({ plugin: name, valid: true });
  else print(`${name}: the declaration is valid`);
}

function printPlugin(plugin: Plugin): void {
  const { name, description, family, origin, identify, expect, blocks, parameterless, forward, limits } = plugin;
  print(`${name}: ${description}`);
  print(`  family   ${family}`);
  print(`  origin   ${origin}`);
  print(`  matches  ${lines(identify) || `every ${family} checkpoint that no other plugin fits better`}`);
  print(`  expects  ${lines(expect) || "nothing in particular"}`);
  print(`  forward  ${forward.join(", ")}`);
  for (const block of blocks) {
    print(`  ${block.name}${block.repeat === undefined ? "" : ` × ${block.repeat.count}`}`);
    for (const parameter of block.parameters) {
      const { huggingface, parallel, tied, dtype } = parameter;
      const [each, within] = [stackOf(parameter), withinOf(parameter)];
      const notes = [
        parallel ?? "not sharded",
        ...(within === undefined ? [] : [`joined within each of ${within}`]),
        ...(each === undefined ? [] : [`${each.count} stacked, {${each.index}} from 0 on`]),
        ...(dtype === undefined ? [] : [`always ${dtype}`]),
        ...(tied === undefined ? [] : [`tied to ${tied.to} when ${tied.when}`]),
      ];
      print(`    ${nanotronTemplate(parameter)}  (${notes.join(", ")})`);
      for (const { tensor, shape, rotary, transpose } of [huggingface].flat()) {
        print(`      ${tensor}  ${shape}${rotary === true ? ", rotary" : ""}${transpose === true ? ", transposed" : ""}`);
      }
    }
  }
  if (parameterless.length > 0) print(`  ${parameterless.join(", ")}  (no parameters)`);
  for (const [layout, found] of Object.entries(limits)) {
    for (const { setting, loss, because } of found) print(`  limit    ${layout}, ${setting}: ${because} (loss of ${loss})`);
  }
}

const lines = (values: Plugin["identify"]): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(", ");
