// What people mistype: each mistake is told in one line that says what to do, and nothing is written.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { fixture, scratchFolder } from "../helpers/folders.js";
import { expectRefusal, expectRefused, type Refusal } from "../helpers/refusal.js";

const scratch = scratchFolder("mistakes");
const work = scratch.fresh();
const engine = createEngine();
const source = fixture("tiny-llama3");
const toNanotron = ["convert", source, "out", "--to", "nanotron"];
const usage = (...says: string[]): Refusal => ({ code: 2, says });
const failure = (...says: string[]): Refusal => ({ code: 1, says });

before(() => {
  mkdirSync(join(work, "no-plugin"), { recursive: true });
  mkdirSync(join(work, "full"));
  writeFileSync(join(work, "full/thesis.tex"), "years of work");
});
after(scratch.remove);

describe("a mistyped command", () => {
  const cases: [string, string[], Refusal][] = [
    ["none at all", [], usage("no command given", "see weighbridge --help")],
    ["none of a group", ["plugins"], usage("no command given", "see weighbridge plugins --help")],
    ["a name", ["conver"], usage("unknown command 'conver'", "did you mean convert?")],
    [
      "a flag",
      [...toNanotron, "--allow-semantic-los"],
      usage("unknown option '--allow-semantic-los'", "did you mean --allow-semantic-loss?"),
    ],
    ["no --to", ["convert", source, "out"], usage("'--to <nanotron|huggingface>' not specified", "see weighbridge convert --help")],
    ["no destination", ["convert", source, "--to", "nanotron"], usage("missing required argument 'destination'")],
    ["an argument too many", [...toNanotron, "more"], usage("expected 2 arguments but got 3")],
    [
      "--to nanotro",
      ["convert", source, "out", "--to", "nanotro"],
      usage("'nanotro' is invalid", "allowed choices are nanotron, huggingface"),
    ],
    ["--tp 0", [...toNanotron, "--tp", "0"], usage("--tp", "'0' is invalid", "expected a whole number from 1 on")],
    ["--tp x", [...toNanotron, "--tp", "x"], usage("--tp", "'x' is invalid", "expected a whole number from 1 on")],
    ["--pp 1e1", [...toNanotron, "--pp", "1e1"], usage("--pp", "'1e1' is invalid", "expected a whole number from 1 on")],
    ["--max-shard-size 5", [...toNanotron, "--max-shard-size", "5"], usage("'5' is invalid", "expected a size like 5GB or 500MB")],
    [
      "--source-rope-interleaved true",
      ["inspect", source, "--source-rope-interleaved", "true"],
      usage("'true' is invalid", "expected yes or no"),
    ],
    ["inspect nothing", ["inspect"], usage("nothing to inspect", "name a folder, or ask for --devices")],
    ["inspect --devices of a folder", ["inspect", source, "--devices"], usage("--devices says nothing about", "drop either")],
    ["--nanotron-root that is relative", [...toNanotron, "--nanotron-root", "models/a"], usage("models/a", "expected an absolute path")],
    ...[
      [...toNanotron, "--source-rope-interleaved", "no"],
      ["inspect", source, "--source-rope-interleaved", "no"],
      ["verify", source, source, "--source-rope-interleaved", "yes"],
    ].map((args): [string, string[], Refusal] => [
      `${args[0]} of Hugging Face's with --source-rope-interleaved`,
      args,
      usage("tiny-llama3: --source-rope-interleaved says nothing about a Hugging Face checkpoint", "drop it"),
    ]),
    ["ranks for Hugging Face", ["convert", source, "out", "--to", "huggingface", "--tp", "2"], usage("no ranks", "drop --tp and --pp")],
  ];
  for (const [what, args, refusal] of cases) it(what, () => expectRefusal(work, args, refusal).then());
});

describe("a mistyped path", () => {
  const near = join(source, "../tiny-lama3");
  const noPlugin = join(work, "no-plugin");
  const full = join(work, "full");
  const cases: [string, string, Refusal][] = [
    ["nothing like it", "/no/such/folder", usage("/no/such/folder: no such folder", "check the path")],
    [
      "a file",
      join(source, "config.json"),
      usage("config.json: expected a checkpoint folder, found a file", "give the folder that holds it"),
    ],
    ["an empty folder", noPlugin, failure(`${noPlugin}: no checkpoint`, "expected config.json")],
    ["a folder of something else", full, failure(`${full}: no checkpoint`, "give the folder that holds it")],
  ];
  for (const [what, path, refusal] of cases) {
    it(what, () => expectRefused(work, () => engine.convert(path, join(work, "out"), { to: "nanotron" }), refusal).then());
  }
  it("a letter missing, of the command", () =>
    expectRefusal(work, ["convert", near, "out", "--to", "nanotron"], usage(`${near}: no such folder`, `did you mean ${source}?`)).then());
  it("two lines, told in one", () => expectRefusal(work, ["inspect", "a\nb"], usage("a\\nb: no such folder", "check the path")).then());
});

describe("a mistyped plugin", () => {
  const cases: [string, string[], Refusal][] = [
    ["a name", [...toNanotron, "--plugin", "lama3-8b"], usage('no plugin is called "lama3-8b"', 'did you mean "llama3-8b"?')],
    ["a name to show", ["plugins", "show", "lama"], usage('no plugin is called "lama"', 'did you mean "llama"?')],
    [
      "a folder without plugin.yaml",
      [...toNanotron, "--plugin", "./no-plugin"],
      usage("no-plugin", "expected a plugin folder with plugin.yaml, found none"),
    ],
    ["a folder to check that is none", ["plugins", "check", "nowhere"], usage("nowhere", "expected a plugin folder with plugin.yaml")],
  ];
  for (const [what, args, refusal] of cases) it(what, () => expectRefusal(work, args, refusal).then());
});

describe("a TP that does not divide", () => {
  const cases: [string, number, Refusal][] = [
    ["the vocabulary", 3, failure("tp 3 does not divide vocab (1024)", "the nearest TP that does is 2", "possible: 1, 2, 4")],
    ["the key-value heads", 8, failure("tp 8 does not divide kv_heads (4)", "the nearest TP that does is 4")],
    ["the heads", 16, failure("tp 16 does not divide heads (8)", "the nearest TP that does is 4")],
  ];
  for (const [what, tp, refusal] of cases) {
    it(what, () => expectRefused(work, () => engine.convert(source, join(work, "out"), { to: "nanotron", tp }), refusal).then());
  }
  it("is one line of the command, and exit code 1", () =>
    expectRefusal(work, [...toNanotron, "--tp", "3"], failure("the nearest TP that does is 2")).then());
});
