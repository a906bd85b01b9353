// plugins/README.md has a place for everything that a cases.yaml and a plugin.yaml may say.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { describe, it } from "mocha";

const root = join(fileURLToPath(import.meta.resolve("#fixtures/tiny-llama3")), "../../..");
const guide = readFileSync(join(root, "plugins/README.md"), "utf8");
const schema = (name: string) => JSON.parse(readFileSync(join(root, `schemas/${name}.schema.json`), "utf8")).properties;

describe("plugins/README.md, on every key", () => {
  it("has a row for every key of a case", () => {
    const { valid, invalid } = schema("cases");
    const keys = [valid, invalid].flatMap((list) => Object.keys(list.items.properties));
    expect(keys.filter((key) => !guide.includes(`\`${key}\``))).to.deep.equal([]);
  });
  it("has a heading for every key of a plugin", () => {
    const headings = [...guide.matchAll(/^### (.*)$/gm)].flatMap(([, names = ""]) => names.split(", "));
    expect(Object.keys(schema("plugin")).filter((key) => !key.startsWith("$") && !headings.includes(key))).to.deep.equal([]);
  });
});
