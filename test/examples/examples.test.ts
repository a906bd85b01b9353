import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-examples-"));
after(() => rmSync(scratch, { recursive: true }));

/** Run an example with a temporary folder of its own, which must be empty afterwards. */
function run(program: string): { status: number | null; lines: string[]; left: string[] } {
  const temporary = join(scratch, program.replaceAll("/", "-"));
  mkdirSync(temporary);
  const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  const { status, stdout, stderr } = spawnSync(process.execPath, [`dist/examples/${program}`], { cwd: root, env, encoding: "utf8" });
  expect(stderr).to.equal("");
  return { status, lines: stdout.trimEnd().split("\n"), left: readdirSync(temporary) };
}

/** The commands of a README's code blocks, with the example's outputs moved into the test's own folder. */
function commandsOf(example: string, outputs: readonly string[]): string[][] {
  const text = readFileSync(join(root, "examples", example, "README.md"), "utf8");
  const lines = [...text.matchAll(/```\n([^`]*)```/g)].flatMap(([, block = ""]) => block.trim().split("\n"));
  const place = (word: string) => (outputs.includes(word) ? join(scratch, word) : word);
  return lines.map((line) => line.split(" ").map(place));
}

function runCommand([program = "", ...args]: readonly string[]): string {
  expect(program).to.equal("node");
  return execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0] ?? "";
}

describe("examples/01-convert", () => {
  it("converts there and back, finds every element equal, and leaves nothing", () => {
    expect(run("01-convert/convert.js")).to.deep.equal({
      status: 0,
      lines: [
        "Nanotron TP 2: 45 files, 2099456 bytes of weights, 69 segments",
        "Hugging Face: 1 file, 2099456 bytes of weights, plugin llama",
        "equal: 39 tensors, every element",
      ],
      left: [],
    });
  });
  it("does the same on its README's command lines", () => {
    expect(commandsOf("01-convert", ["nanotron-tp2", "back"]).slice(1).map(runCommand)).to.deep.equal([
      `wrote ${join(scratch, "nanotron-tp2")}`,
      `wrote ${join(scratch, "back")}`,
      "equal",
    ]);
  });
});

describe("examples/02-engine", () => {
  it("reports progress, then stops a conversion halfway, of which nothing is left", () => {
    expect(run("02-engine/engine.js")).to.deep.equal({
      status: 0,
      lines: [
        "copy 25%",
        "copy 50%",
        "copy 75%",
        "copy 100%",
        "compare 25%",
        "compare 50%",
        "compare 75%",
        "compare 100%",
        "predict 25%",
        "predict 50%",
        "predict 75%",
        "predict 100%",
        "on the disk: whole",
        "CancelledError CANCELLED: cancelled; nothing was published",
        "on the disk: whole",
      ],
      left: [],
    });
  });
});

describe("examples/03-plugin", () => {
  it("carries a Mistral there and back by a plugin of its own, and refuses one with a window", () => {
    expect(run("03-plugin/plugin.js")).to.deep.equal({
      status: 0,
      lines: [
        "there: plugin tiny-mistral, 25 files",
        "back, not told: plugin llama, LlamaForCausalLM",
        "back, told: plugin tiny-mistral, MistralForCausalLM",
        "equal: 21 tensors; the files are the same byte for byte",
        "UnsupportedError: nanotron would compute another function: sliding_window 1024: Nanotron's Llama attends to the whole sequence; --allow-semantic-loss converts the weights all the same",
      ],
      left: [],
    });
  });
  it("does the same on its README's command lines, and writes no key that MistralConfig lacks", () => {
    expect(commandsOf("03-plugin", ["mistral", "mistral-nanotron", "mistral-back"]).slice(1).map(runCommand)).to.deep.equal([
      "",
      "tiny-mistral: the declaration is valid",
      `wrote ${join(scratch, "mistral-nanotron")}`,
      `wrote ${join(scratch, "mistral-back")}`,
      "equal",
    ]);
    const config = JSON.parse(readFileSync(join(scratch, "mistral-back/config.json"), "utf8"));
    expect(config).to.include({ model_type: "mistral", sliding_window: null, num_key_value_heads: 2, rope_theta: 1000000 });
    expect(config).to.not.have.any.keys("attention_bias", "mlp_bias", "pretraining_tp");
  });
});

describe("npm run demo", () => {
  it("prints a row per way, each equal to the original", () => {
    const { status, lines, left } = run("demo.js");
    const rows = lines.slice(1, 7).map((line) => line.split(/ {2,}/));
    expect({ status, left, rows }).to.deep.equal({
      status: 0,
      left: [],
      rows: [
        ["bundled model", "Hugging Face", "1", "72.66 % (372)", "3 of 3", "as transformers"],
        ["-> Nanotron TP 1", "Nanotron", "1", "72.66 % (372)", "512 of 512", "equal"],
        ["-> Nanotron TP 2", "Nanotron", "2", "72.66 % (372)", "512 of 512", "equal"],
        ["-> Nanotron TP 2 -> Hugging Face", "Hugging Face", "1", "72.66 % (372)", "512 of 512", "equal"],
        ["-> Nanotron TP 1 -> TP 2", "Nanotron", "2", "72.66 % (372)", "512 of 512", "equal"],
        ["-> TP 1 -> TP 2 -> Hugging Face", "Hugging Face", "1", "72.66 % (372)", "512 of 512", "equal"],
      ],
    });
  });
});

describe("examples/reports", () => {
  const texts = (folder: string) => ["equal", "different"].map((name) => readFileSync(join(folder, `${name}.html`), "utf8"));
  const blocks = (text: string, tag: string) => text.match(new RegExp(`<${tag}[^>]*>.*?</${tag}>`, "gs")) ?? [];
  const MACHINES = /(<th scope="row">(?:Node|machine|executor|made)<\/th><td>).*?(?=<\/td>)/gs;
  const FIGURES = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g;
  /** All of a page, but what is its machine's and figures: drawings end where they will. */
  const outline = (text: string) =>
    text
      .replace(MACHINES, "$1")
      .replace(FIGURES, "#")
      .replace(/<(?:path|line|circle|rect)\b[^>]*>/g, "<drawn>")
      .replace(/(?:<drawn>)+/g, "<drawn>");
  /** Bytes, counts and names of the tables of tensors: the same on every machine. */
  const tensors = (text: string) => /<section id="parameters".*?<\/section>/s.exec(text)?.[0] ?? "";

  it("are what their program makes", () => {
    const folder = mkdtempSync(join(scratch, "reports-"));
    const lines = execFileSync(process.execPath, ["dist/examples/reports/make.js", folder], { cwd: root, encoding: "utf8" });
    expect(lines).to.equal("equal: equal.html\ndifferent: different.html\n");
    const [made, committed] = [texts(folder), texts(join(root, "examples/reports"))];
    for (const at of [0, 1]) {
      const [now, then] = [made[at] ?? "", committed[at] ?? ""];
      for (const tag of ["style", "script", "pre"]) expect(blocks(now, tag)).to.deep.equal(blocks(then, tag));
      expect(tensors(now)).to.equal(tensors(then)).and.not.equal("");
      expect(outline(now)).to.equal(outline(then));
    }
    expect(committed.map((text) => text.length < 100_000)).to.deep.equal([true, true]);
  });
});
