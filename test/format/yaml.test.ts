import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { load } from "js-yaml";
import { describe, it } from "mocha";
import { pythonFloat } from "../../core/format/python.js";
import { printYaml } from "../../core/format/yaml.js";

const CONFIG = fileURLToPath(import.meta.resolve("#fixtures/golden/nanotron-tp1/config.yaml"));

/** Numbers of a YAML file as their own text: js-yaml's would lose the difference between 10000.0 and 10000. */
const FLOATS = ["initializer_range", "rms_norm_eps", "rope_theta", "z_loss_coefficient"];

function withFloats(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, FLOATS.includes(key) ? pythonFloat(Number(entry)) : withFloats(entry)]),
  );
}

describe("YAML", () => {
  it("is written as PyYAML wrote Nanotron's own config, letter for letter", () => {
    const text = readFileSync(CONFIG, "utf8");
    expect(printYaml(withFloats(load(text)))).to.equal(text);
  });

  it("text that PyYAML would take for something else is quoted, and no other", () => {
    const quoted = [
      "yes",
      "off",
      "y",
      "null",
      "~",
      "2024-05-01",
      "12:30",
      "1_000",
      "0x1f",
      "017",
      "1e5",
      "1.0e+5",
      ".inf",
      "=",
      "- a",
      "a: b",
      "",
    ];
    const plain = ["Nanotron", "/a/b c/d", "1.5.2", "run-1", "bfloat16"];
    expect(printYaml([...quoted, ...plain])).to.equal(
      [...quoted.map((text) => `- '${text}'\n`), ...plain.map((text) => `- ${text}\n`)].join(""),
    );
  });

  it("a plain number that is no integer is a float of PyYAML's", () => {
    expect(printYaml({ factor: 1.5, tiny: 1e-7, whole: 2 })).to.equal("factor: 1.5\ntiny: 1.0e-07\nwhole: 2\n");
  });
});
