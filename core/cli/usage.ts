// What the parser of the command line has to say, in the words and the one line of every other error.

import type { Command, CommanderError } from "commander";
import { UsageError } from "../errors.js";

/**
 * @param words - the command line, program name left out
 */
export function usageError({ code, message }: CommanderError, program: Command, words: readonly string[]): UsageError {
  const help = { hint: `see ${["weighbridge", ...commandOf(program, words)].join(" ")} --help` };
  if (code === "commander.help") return new UsageError("no command given", help);
  const [what = "", ...rest] = message.replace(/^error: /, "").split(/(?:\.\s+|\n)/);
  const hint = rest
    .join(" ")
    .replace(/^\((.*)\)$/s, "$1")
    .replace(/\.$/, "");
  return new UsageError(what, hint === "" ? help : { hint: hint.charAt(0).toLowerCase() + hint.slice(1) });
}

/** The command that was meant, as far as its words are known. */
function commandOf(program: Command, words: readonly string[]): string[] {
  const [word] = words.filter((candidate) => !candidate.startsWith("-"));
  const command = program.commands.find((candidate) => candidate.name() === word);
  return command === undefined || word === undefined ? [] : [word, ...commandOf(command, words.slice(words.indexOf(word) + 1))];
}
