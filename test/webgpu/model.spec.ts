// The bundled model through both frameworks' forwards on the GPU executor: transformers' own logits, verify's verdicts, the commands.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/compose.js";
import { webgpuProvider } from "../../core/executor/webgpu/provider.js";
import { run } from "../helpers/command.js";
import { fixture, scratchFolder } from "../helpers/folders.js";

const reason = await webgpuProvider.unavailable();
if (reason === undefined) describe("bundled model on webgpu", suite);
else describe.skip(`bundled model on webgpu: skipped, ${reason}`, suite);

/** SwiftShader takes seconds for more. */
const PREDICTIONS = 80;

function suite(): void {
  const scratch = scratchFolder("webgpu");
  after(scratch.remove);
  const source = fixture("tiny-llama3");
  const prompt = readFileSync(fixture("tiny-llama3-prompt.txt"), "utf8");
  const engine = createEngine();

  it("predicts transformers' own float32 logits", async () => {
    const logits = join(scratch.fresh(), "logits.npy");
    const { executor, passedOver, timings, tokens } = await engine.predict(source, {
      prompt: firstWords(prompt),
      executor: "webgpu",
      logits,
    });
    expect({ executor, passedOver }).to.deep.equal({ executor: "webgpu", passedOver: [] });
    expect(timings?.readSeconds).to.be.greaterThan(0);
    expect(largestDifference(logits, fixture("tiny-llama3-logits-hf-fp32.npy"), tokens)).to.be.lessThan(2e-4);
  });

  it("verify finds the two layouts equal, and where a wrong scale parts them", async () => {
    const options = { executor: "webgpu", predictions: PREDICTIONS, checks: ["predictions"] } as const;
    const { predictions } = await engine.verify(source, fixture("golden/nanotron-tp2"), options);
    expect(predictions).to.include({ executor: "webgpu", agree: true, argmaxEqual: PREDICTIONS, firstDivergence: null });
    const spoilt = scratch.copy("tiny-llama3");
    const config = JSON.parse(readFileSync(join(spoilt, "config.json"), "utf8"));
    writeFileSync(
      join(spoilt, "config.json"),
      JSON.stringify({ ...config, rope_parameters: { ...config.rope_parameters, rope_theta: 10000 } }),
    );
    const { predictions: parted } = await engine.verify(source, spoilt, options);
    expect(parted?.firstDivergence?.stage).to.equal("layer 0 attention");
  });

  it("verify holds framework numerics to their noise", async () => {
    const options = { executor: "webgpu", predictions: 24, checks: ["predictions"], numerics: "framework" } as const;
    const { predictions } = await engine.verify(source, fixture("golden/nanotron-tp2"), options);
    expect(predictions).to.include({ numerics: "framework", agree: true });
  });

  it("the command runs on it and ends", async () => {
    const { code, stdout } = await run(["predict", source, "--executor", "webgpu", "--prompt", firstWords(prompt), "--json"]);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ executor: "webgpu" });
  });

  it("a fault of the disk comes through as it is, and the command ends", async () => {
    const gone = { ...process.env, WEIGHBRIDGE_SEED: "1" } as Record<string, string>;
    const { code, stderr } = await run(["predict", join(source, "nowhere"), "--executor", "webgpu"], { env: gone });
    expect(code).to.equal(2);
    expect(stderr).to.match(/^weighbridge: [^\n]+\n$/);
  });
}

const firstWords = (prompt: string): string => prompt.slice(0, 240);

/** Over the first rows of two .npy files of float32 of the same width. */
function largestDifference(a: string, b: string, rows: number): number {
  const [left, right] = [floatsOf(a), floatsOf(b)];
  const width = left.length / rows;
  let largest = 0;
  // The last row's prompt goes on differently: its token may be another.
  for (let i = 0; i < (rows - 1) * width; i++) largest = Math.max(largest, Math.abs((left[i] as number) - (right[i] as number)));
  return largest;
}

function floatsOf(path: string): Float32Array {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}
