import { cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";

const fixture = (name: string) => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));
const scratch = mkdtempSync(join(tmpdir(), "weighbridge-verify-"));
const engine = createEngine();
after(() => rmSync(scratch, { recursive: true }));

describe("verify, parameters", () => {
  it("calls equal what Nanotron itself wrote at TP 1 and TP 2", async () => {
    const pairs: [string, string][] = [
      ["tiny-llama3", "golden/nanotron-tp1"],
      ["tiny-llama3", "golden/nanotron-tp2"],
      ["golden/nanotron-tp2", "golden/nanotron-tp1"],
      ["golden/tied-huggingface", "golden/tied-nanotron"],
    ];
    for (const [a, b] of pairs) expect((await engine.verify(fixture(a), fixture(b))).verdict, `${a} ${b}`).to.equal("equal");
  });

  it("names the one tensor of which one byte changed, across layouts", async () => {
    const changed = join(scratch, "changed");
    cpSync(fixture("golden/nanotron-tp2"), changed, { recursive: true });
    const file = join(changed, "model/model/decoder/2/pp_block/attn/qkv_proj/model_weight_pp-rank-0-of-1_tp-rank-1-of-2.safetensors");
    const bytes = readFileSync(file);
    // The rank's rows are 64 of q, 32 of k, 32 of v, 256 bytes each: byte 70·256 is k's.
    const at = 8 + Number(bytes.readBigUInt64LE(0)) + 70 * 256;
    writeSync(openSync(file, "r+"), Buffer.from([(bytes[at] ?? 0) ^ 1]), 0, 1, at);
    const { verdict, parameters } = await engine.verify(fixture("tiny-llama3"), changed);
    expect(verdict).to.equal("different");
    expect(parameters?.different).to.deep.equal(["model.layers.2.self_attn.k_proj.weight"]);
    expect(parameters?.equal.length).to.equal(38);
  });

  it("names the tensor whose shard says another place than its rank: at another TP Nanotron would load it there", async () => {
    const changed = join(scratch, "misplaced");
    cpSync(fixture("golden/nanotron-tp2"), changed, { recursive: true });
    const file = join(changed, "model/model/decoder/1/pp_block/attn/o_proj/model_weight_pp-rank-0-of-1_tp-rank-1-of-2.safetensors");
    const text = readFileSync(file, "latin1").replace('|64,128,None"', '|0,64,None"').replace("]}}", "]}}  ");
    expect(text).to.have.length(readFileSync(file).byteLength);
    writeFileSync(file, text, "latin1");
    for (const [a, b] of [
      [fixture("tiny-llama3"), changed],
      [changed, fixture("golden/nanotron-tp1")],
    ] as const) {
      const { verdict, parameters } = await engine.verify(a, b, { checks: ["parameters"] });
      expect([verdict, parameters?.different]).to.deep.equal(["different", ["model.layers.1.self_attn.o_proj.weight"]]);
      expect(parameters?.equal).to.have.length(38);
    }
  });

  it("sees a rope_theta that differs while every byte agrees", async () => {
    const changed = join(scratch, "theta");
    cpSync(fixture("golden/nanotron-tp1"), changed, { recursive: true });
    const path = join(changed, "model_config.json");
    writeFileSync(path, readFileSync(path, "utf8").replace("500000.0", "10000.0"));
    const { verdict, parameters, settings } = await engine.verify(fixture("tiny-llama3"), changed);
    expect({ verdict, settings, different: parameters?.different }).to.deep.equal({
      verdict: "different",
      settings: ["rope_theta: 500000 and 10000"],
      different: [],
    });
  });

  it("sees a model of other sizes, and one of fewer layers: by name, not by position", async () => {
    const { verdict, parameters } = await engine.verify(fixture("tiny-llama3"), fixture("golden/tied-huggingface"));
    expect(verdict).to.equal("different");
    expect([parameters?.equal, parameters?.extra]).to.deep.equal([[], []]);
    expect(parameters?.different).to.include("model.norm.weight");
    expect(parameters?.missing).to.include("lm_head.weight").and.include("model.layers.3.mlp.up_proj.weight");

    const shorter = join(scratch, "shorter");
    cpSync(fixture("golden/nanotron-tp2"), shorter, { recursive: true });
    rmSync(join(shorter, "model/model/decoder/3"), { recursive: true });
    const path = join(shorter, "model_config.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"num_hidden_layers": 4', '"num_hidden_layers": 3'));
    const report = await engine.verify(fixture("tiny-llama3"), shorter);
    expect(report.parameters?.different).to.deep.equal([]);
    expect(report.parameters?.equal).to.include("lm_head.weight").and.include("model.norm.weight").and.have.length(30);
    expect(report.parameters?.missing.every((name) => name.startsWith("model.layers.3."))).to.equal(true);
  });
});
