import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { before, describe, it } from "mocha";
import * as api from "../../core/index.js";
import { MemoryStore } from "../../core/testing/memory-store.js";
import { FlatLayout } from "../helpers/flat-layout.js";
import { writeRandomLlama } from "../helpers/random-llama.js";

const MODEL = { hidden: 8, heads: 2, kvHeads: 1, headDim: 4, ffn: 6, vocab: 5, layers: 2, tied: false };

describe("the public API", () => {
  it("exports these values and no others", () => {
    expect(Object.keys(api).sort()).to.deep.equal([
      "CancelledError",
      "CheckpointError",
      "DeclarationError",
      "ExecutorError",
      "FormatError",
      "PlanError",
      "ShapeMismatchError",
      "StorageError",
      "UnsupportedError",
      "UsageError",
      "WeighbridgeError",
      "createEngine",
      "installedPackages",
    ]);
  });

  it("exports these types and no others", () => {
    const text = readFileSync(fileURLToPath(import.meta.resolve("../../core/index.d.ts")), "utf8");
    const types = [...text.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, names = ""]) =>
      names
        .split(",")
        .flatMap((name) => (name.trim() !== "" && (all !== undefined || name.includes("type ")) ? [name.replace("type ", "").trim()] : [])),
    );
    expect(types.sort()).to.deep.equal([
      "AttentionOptions",
      "Candidate",
      "ConvertOptions",
      "ConvertResult",
      "DeviceReport",
      "Difference",
      "Distribution",
      "Divergence",
      "DoctorOptions",
      "DoctorReport",
      "EmbedOptions",
      "Engine",
      "EngineOverrides",
      "Executor",
      "ExecutorProvider",
      "FamilyForwards",
      "Finding",
      "Forward",
      "ForwardOptions",
      "ForwardSource",
      "InferOptions",
      "InferReport",
      "InspectOptions",
      "InspectReport",
      "InspectedTensor",
      "Layout",
      "LinearOptions",
      "Numerics",
      "Ops",
      "ParametersReport",
      "PartDetails",
      "Plan",
      "PlanCost",
      "PlanOptions",
      "PlanReport",
      "Plugin",
      "PluginPackage",
      "PositionReport",
      "PredictOptions",
      "PredictReport",
      "PredictedToken",
      "PredictionsReport",
      "Progress",
      "Reads",
      "Reporter",
      "RmsNormOptions",
      "RotateOptions",
      "Rounding",
      "Segment",
      "SideReport",
      "SiluMulOptions",
      "Stage",
      "StageReport",
      "StoredDetails",
      "Tensor",
      "TensorDetails",
      "VerifyDetails",
      "VerifyOptions",
      "VerifyReport",
      "Weight",
    ]);
  });

  it("gives an engine with these methods", () => {
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(api.createEngine()));
    expect(methods.sort()).to.deep.equal([
      "checkPlugin",
      "constructor",
      "convert",
      "devices",
      "doctor",
      "inferPlugin",
      "inspect",
      "plan",
      "plugins",
      "predict",
      "verify",
    ]);
  });
});

describe("a program adds", () => {
  let store: MemoryStore;
  let source: Map<string, Uint8Array>;
  before(async () => {
    store = new MemoryStore();
    source = await writeRandomLlama(store, "/source", MODEL, "BF16", 1);
  });

  it("a layout of its own: converted there, to Nanotron, and back", async () => {
    const engine = api.createEngine({ store, layouts: [new FlatLayout()] });
    await engine.convert("/source", "/flat", { to: "flat" });
    const file = store.files.get("/flat/model-layers-1-mlp-up_proj-weight.safetensors") ?? new Uint8Array();
    const up = source.get("model.layers.1.mlp.up_proj.weight") ?? new Uint8Array();
    // Element [row 2, column 3] of [ffn 6, hidden 8] lies at [3, 2] of the transposed [8, 6].
    const data = file.subarray(file.byteLength - up.byteLength);
    expect([...data.subarray((3 * 6 + 2) * 2, (3 * 6 + 2) * 2 + 2)]).to.deep.equal([...up.subarray((2 * 8 + 3) * 2, (2 * 8 + 3) * 2 + 2)]);
    await engine.convert("/flat", "/nanotron", { to: "nanotron" });
    await engine.convert("/nanotron", "/back", { to: "huggingface" });
    expect(
      Buffer.from(store.files.get("/back/model.safetensors") ?? []).equals(store.files.get("/source/model.safetensors") ?? Buffer.alloc(0)),
    ).to.equal(true);
    expect((await engine.verify("/flat", "/source")).verdict).to.equal("equal");
  });

  it("a layout under a name that is taken: refused", () => {
    expect(() => api.createEngine({ layouts: [new FlatLayout(), new FlatLayout()] })).to.throw(
      api.UsageError,
      'layout "flat" is registered twice',
    );
  });

  it("a reporter, which hears progress to its end, and warnings", async () => {
    const heard: string[] = [];
    const reporter: api.Reporter = {
      progress: ({ stage, bytes, totalBytes }) => {
        if (bytes === totalBytes) heard.push(`${stage} done`);
      },
      warning: (message) => heard.push(message),
    };
    store.files.set("/source/notes.bin", new Uint8Array(1));
    await api.createEngine({ store, reporter }).convert("/source", "/heard", { to: "nanotron" });
    store.files.delete("/source/notes.bin");
    expect(heard).to.deep.equal([
      "files that are neither weights nor known side files stay behind: notes.bin",
      "copy done",
      "compare done",
      // Random bytes as bfloat16 are rarely a model.
      "predictions were not compared: embedding: both forwards give values that are not finite, so that their predictions say nothing; every element was compared",
    ]);
  });

  it("and engines share nothing", () => {
    api.createEngine({ layouts: [new FlatLayout()] });
    expect(() => api.createEngine({ layouts: [new FlatLayout()] })).to.not.throw();
  });
});
